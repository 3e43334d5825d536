import { shown, usableAddress } from './address.ts';
import { withoutSlash } from './key.ts';
import { type Decoded, NOBODY, numberOf, oneInstance, problem, type RawRecord, textOf } from './record.ts';

/** Directories that the registry puts down for each interface (`CreatePath`), with an empty value. */
const DIRECTORIES = /(?:^|\/)(?:providers|consumers|configurators|routers)$/;

/** URLs that tell of no provider: who calls, and rules for those who do. */
const OTHER_URLS = new Set(['consumer', 'override', 'route', 'condition', 'empty', 'configurator', 'router']);

/** `scheme://host:port/interface?parameters`, as far as it is wanted. */
const URL_PARTS = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/(?:[^@/?#]*@)?([^/?#]*)[^?#]*(?:\?([^#]*))?/;

/** Whether this is a key of the interface form: a URL as the last part (the value says nothing), or a directory above it. */
export function isDubboKey({ key, id, value, prefix }: RawRecord): boolean {
  return /^[a-z][\w+.-]*%3A%2F%2F/i.test(id) || (value === '' && isDirectory(key, prefix));
}

/** A directory is no record, and neither is the path itself, whatever it is called. */
function isDirectory(key: string, prefix: string): boolean {
  return DIRECTORIES.test(key) || (key.startsWith('/dubbo/') && key === withoutSlash(prefix));
}

/**
 * Reads the interface form: everything stands in the key, `/dubbo/<interface>/providers/<URL, percent-encoded>`. A tag acts as the version,
 * as in the application form; without one it is the interface's own version.
 */
export function decodeDubboKey({ key, id, value, prefix }: RawRecord, defaultWeight: number): Decoded {
  if (value === '' && isDirectory(key, prefix)) return NOBODY;
  const url = decoded(id);
  const match = url === null ? null : URL_PARTS.exec(url);
  const [, scheme = '', host = '', query = ''] = match ?? [];
  if (match === null) return problem(`has no value, and no URL as the last part of its key: found ${shown(id)}`);
  if (OTHER_URLS.has(scheme)) return NOBODY;
  const address = usableAddress(host);
  if (address === null) return problem(`has no usable address in its URL: expected host:port, found ${shown(host)}`);
  const parameters = parametersOf(query);
  if (parameters.disabled === 'true' || parameters.enabled === 'false') return NOBODY;
  const weight = numberOf(parameters.weight) ?? 0;
  return oneInstance({
    id: address,
    address,
    version: textOf(parameters['dubbo.tag']) ?? textOf(parameters.tag) ?? textOf(parameters.version),
    weight: weight > 0 ? weight : defaultWeight,
    zone: parameters.zone,
    metadata: parameters,
  });
}

/** What was escaped is the URL as a whole: its parameters stand as they are. */
function parametersOf(query: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    query.split('&').flatMap((parameter) => {
      const equals = parameter.indexOf('=');
      return equals > 0 ? [[parameter.slice(0, equals), parameter.slice(equals + 1)] as const] : [];
    }),
  );
}

/** Go's url.QueryEscape undone; null when it is not that. */
function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return null;
  }
}
