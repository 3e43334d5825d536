import * as z from 'zod';
import { LONGEST_SOCKET_PATH, parseAddress } from '../model/instance.ts';
import { LISTEN_ADDRESS, parseListenAddress } from './listen_address.ts';
import {
  DURATION,
  DURATION_PATTERN,
  formatDuration,
  formatShare,
  parseDuration,
  parseShare,
  SHARE,
} from './scalars.ts';

// Before the first schema is made. A config is read once: functions made for it would cost a start more than they save.
z.config({ jitless: true });

/*
 * The kinds of values that config keys have. The `error` of a schema is what the key expects, as it stands after "expected":
 * the message adds what was found.
 */

/** The name of a registry or service: what a host name may hold (at most 253 characters), since authorities name services. */
export const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$/, {
  error: 'a name of letters, digits, ".", "_" and "-" that starts with a letter or digit',
});

/** A text that is not empty. */
export function text(expected = 'a text that is not empty') {
  return z.string({ error: expected }).min(1, { error: expected });
}

/** A whole number from `min` to `max`, both included. */
export function whole(min: number, max: number) {
  const error = `a whole number from ${min} to ${max}`;
  return z.int({ error }).min(min, { error }).max(max, { error });
}

/** A duration in the file, milliseconds afterwards. `min` in milliseconds; `alternative` names what else the key takes. */
export function duration(min: number, alternative = '') {
  const expected = `${DURATION}${alternative}`;
  return z
    .string({ error: expected })
    .meta({ pattern: DURATION_PATTERN })
    .transform((value, context) => {
      const parsed = parseDuration(value);
      if (parsed.ok && parsed.value >= min) return parsed.value;
      const message = parsed.ok
        ? `${expected}, and at least ${formatDuration(min)}`
        : `${parsed.expected}${alternative}`;
      context.issues.push({ code: 'custom', message, params: { hint: parsed.ok ? null : parsed.hint }, input: value });
      return z.NEVER;
    });
}

/** A share in the file, a number from 0 to 1 afterwards. `min` from 0 to 1; `hint` for what is below it. */
export function share(min: number, hint: string | null = null) {
  const expected = min === 0 ? SHARE : `${SHARE}, and at least ${formatShare(min)}`;
  return z
    .string({ error: expected })
    .meta({ pattern: '^\\d+(\\.\\d+)?%$' })
    .transform((value, context) => {
      const parsed = parseShare(value);
      if (parsed.ok && parsed.value >= min) return parsed.value;
      const message = parsed.ok ? expected : parsed.expected;
      context.issues.push({ code: 'custom', message, params: { hint: parsed.ok ? hint : parsed.hint }, input: value });
      return z.NEVER;
    });
}

/** Where Outrigger listens. */
export const listenAddress = z.string({ error: LISTEN_ADDRESS }).superRefine((value, context) => {
  const target = parseListenAddress(value);
  if (target !== null && !('path' in target && !target.path.startsWith('/'))) return;
  let hint: string | null = null;
  if (value.startsWith('unix:')) hint = socketPathHint(value.slice('unix:'.length));
  else if (/^:?\d+$/.test(value)) hint = `say the host, too: 127.0.0.1:${value.replace(':', '')}`;
  else if (value.startsWith('/')) hint = `did you mean "unix:${value}"?`;
  context.addIssue({ code: 'custom', message: LISTEN_ADDRESS, params: { hint } });
});

function socketPathHint(path: string): string | null {
  if (!path.startsWith('/')) return 'the path of a socket starts with "/"';
  const bytes = Buffer.byteLength(path);
  return bytes > LONGEST_SOCKET_PATH
    ? `the path has ${bytes} bytes, and a socket's path at most ${LONGEST_SOCKET_PATH}`
    : null;
}

/** Where an instance listens. */
export const instanceAddress = z.string({ error: LISTEN_ADDRESS }).superRefine((value, context) => {
  if (parseAddress(value) !== null) return;
  let hint: string | null = null;
  if (/^https?:\/\//.test(value)) hint = `leave the scheme out: ${value.replace(/^https?:\/\/([^/]*).*$/, '$1')}`;
  else if (value.startsWith('unix:/')) hint = socketPathHint(value.slice('unix:'.length));
  else if (/^[^\s:/]+$/.test(value)) hint = 'the port is missing';
  else if (/^[0-9a-fA-F:]+:\d+$/.test(value)) hint = 'an IPv6 address stands in brackets: [::1]:50051';
  context.addIssue({ code: 'custom', message: LISTEN_ADDRESS, params: { hint } });
});

const ENDPOINT = 'a URL such as http://127.0.0.1:2379';

/** The URL of a registry's server: scheme, host, port, and nothing but perhaps a user. */
export const endpointUrl = z.string({ error: ENDPOINT }).superRefine((value, context) => {
  const url = URL.canParse(value) ? new URL(value) : null;
  if (url !== null && /^https?:\/\//.test(value)) {
    if (url.hostname !== '' && /^\/?$/.test(url.pathname) && url.search === '' && url.hash === '' && hasPlainUser(url))
      return;
    context.addIssue({
      code: 'custom',
      message: `${ENDPOINT}, without a path`,
      params: { hint: hasPlainUser(url) ? null : 'write "%25" for a "%" in the password' },
    });
    return;
  }
  const hint = parseAddress(value) === null ? null : `say the scheme, too: http://${value}`;
  context.addIssue({ code: 'custom', message: ENDPOINT, params: { hint } });
});

/** Whether the user part can be decoded: a `%` in a password is written `%25`. */
function hasPlainUser(url: URL): boolean {
  try {
    return decodeURIComponent(url.username + url.password) !== null;
  } catch {
    return false;
  }
}

/** The name of an HTTP header (RFC 9110, section 5.1), in any case. */
export const headerName = z.string({ error: 'the name of a header' }).superRefine((value, context) => {
  if (/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(value)) return;
  const hint = value.startsWith(':') ? 'pseudo-headers cannot be used' : null;
  context.addIssue({ code: 'custom', message: 'the name of a header', params: { hint } });
});
