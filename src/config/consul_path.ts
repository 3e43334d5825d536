/** Which instances of a Consul service are taken, by the worst of their checks. */
export const CONSUL_HEALTH = ['passing', 'warning', 'any'] as const;
export type ConsulHealth = (typeof CONSUL_HEALTH)[number];

/** Who may answer: https://developer.hashicorp.com/consul/api-docs/features/consistency */
export const CONSUL_CONSISTENCY = ['default', 'stale', 'consistent'] as const;
export type ConsulConsistency = (typeof CONSUL_CONSISTENCY)[number];

/** What a `path` says about one service in Consul. What it leaves open (null) the registry decides. */
export interface ConsulPath {
  /** `host:port` of the URI form; null: the address of the registry. */
  readonly host: string | null;
  readonly service: string;
  /** An instance must have all of them. */
  readonly tags: readonly string[];
  readonly datacenter: string | null;
  readonly near: string | null;
  readonly filter: string | null;
  readonly namespace: string | null;
  readonly partition: string | null;
  readonly health: ConsulHealth | null;
  readonly consistency: ConsulConsistency | null;
  /** At most so many instances, the first ones of the answer; null: all. */
  readonly limit: number | null;
}

export type ParsedConsulPath =
  | { readonly ok: true; readonly value: ConsulPath }
  | { readonly ok: false; readonly problem: string; readonly hint: string };

const URI = 'consul://';
const DEFAULT_PORT = 8500;
const PARAMETERS = 'tag, dc, near, filter, ns, partition, healthy, stale, consistent, limit';
/** Of the resolvers that made the URI form known; here they belong to the registry, and change nothing about what is found. */
const IGNORED = new Set(['wait', 'timeout', 'max-backoff', 'insecure', 'dialer', 'agent']);
const FLAGS = new Set(['stale', 'allow-stale', 'consistent', 'require-consistent']);
const SECRETS = new Set(['token', 'username', 'password']);

/**
 * Reads the `path` of a service in Consul: `name?tag=v2&dc=dc1&near=_agent`, or the URI that the Go resolvers of that kind take,
 * `consul://host:8500/name?tag=v2&healthy=true` (mbobakov/grpc-consul-resolver). Pure; throws for no input.
 */
export function parseConsulPath(path: string): ParsedConsulPath {
  let rest = path.trim();
  let host: string | null = null;
  const isUri = rest.startsWith(URI);
  if (isUri) {
    const slash = rest.indexOf('/', URI.length);
    const authority = rest.slice(URI.length, slash === -1 ? undefined : slash);
    if (authority.includes('@'))
      return refused('names a user', 'a path is shown everywhere: give "token" to the registry instead');
    if (authority !== '') {
      if (!URL.canParse(`http://${authority}`))
        return refused(`has no host: ${authority}`, 'write consul://host:8500/name');
      host = /:\d+$/.test(authority) ? authority : `${authority}:${DEFAULT_PORT}`;
    }
    rest = slash === -1 ? '' : rest.slice(slash + 1);
  }
  const question = rest.indexOf('?');
  const name = question === -1 ? rest : rest.slice(0, question);
  const service = isUri ? decoded(name) : name;
  if (service === '' || service.startsWith('/') || service.endsWith('/'))
    return refused('names no service', 'write the name of the service in Consul, for example book or book?tag=v2');
  return withParameters(
    { ...NOTHING_SAID, host, service },
    new URLSearchParams(question === -1 ? '' : rest.slice(question + 1)),
  );
}

const NOTHING_SAID = {
  tags: [],
  datacenter: null,
  near: null,
  filter: null,
  namespace: null,
  partition: null,
  health: null,
  consistency: null,
  limit: null,
} as const;

function withParameters(said: ConsulPath, parameters: URLSearchParams): ParsedConsulPath {
  let value = said;
  for (const [key, text] of parameters) {
    // Templates leave behind what they had no value for; that says nothing, unless the name alone does.
    if (text === '' && !FLAGS.has(key)) continue;
    switch (key) {
      case 'tag':
        value = { ...value, tags: [...value.tags, text] };
        break;
      case 'dc':
        value = { ...value, datacenter: text };
        break;
      case 'near':
      case 'filter':
      case 'partition':
        value = { ...value, [key]: text };
        break;
      case 'ns':
        value = { ...value, namespace: text };
        break;
      case 'healthy':
        if (text !== 'true' && text !== 'false')
          return refused(`says healthy=${text}`, 'write healthy=true or healthy=false');
        value = { ...value, health: text === 'true' ? 'passing' : 'any' };
        break;
      case 'stale':
      case 'allow-stale':
        if (text !== 'false') value = { ...value, consistency: 'stale' };
        break;
      case 'consistent':
      case 'require-consistent':
        if (text !== 'false') value = { ...value, consistency: 'consistent' };
        break;
      case 'limit':
        if (!/^\d{1,6}$/.test(text)) return refused(`says limit=${text}`, 'write a whole number; 0 means all');
        value = { ...value, limit: Number(text) || null };
        break;
      default:
        if (SECRETS.has(key))
          return refused(
            `has the parameter ${key}`,
            'a path is shown everywhere: give "token" to the registry instead',
          );
        if (!IGNORED.has(key)) return refused(`has the unknown parameter ${key}`, `there are: ${PARAMETERS}`);
    }
  }
  return { ok: true, value };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function refused(problem: string, hint: string): ParsedConsulPath {
  return { ok: false, problem, hint };
}
