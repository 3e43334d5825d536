import { isDeepStrictEqual } from 'node:util';
import type { Config } from './config.ts';
import type { CertificateFiles } from './tls_options.ts';

/**
 * Keys that take effect at the next start: addresses and threads are made once. Names as in the file; the files of a `tls` belong to the key
 * that it stands under.
 */
const AT_START = {
  listen: ['listen', 'secureListen'],
  reuse_port: ['reusePort'],
  admin: ['admin'],
  admin_grpc: ['adminGrpc'],
  telemetry: ['telemetry'],
  workers: ['workers'],
  inbound: ['inbound'],
  clients: ['clients'],
  state_dir: ['stateDir'],
  app: ['app'],
} as const;

/** Keys that change while running. */
const LIVE = {
  log: ['log'],
  access_log: ['accessLog'],
  tracing: ['tracing'],
  drain_grace: ['drainGraceMs'],
  registries: ['registries'],
  services: ['services', 'needs'],
  discover: ['discover'],
  routes: ['routing'],
  register: ['register'],
} as const;

/** What became of another config. */
export interface ReloadOutcome {
  /** The one in force now: the old one if nothing changed, else the new one with what cannot change left as it was. */
  readonly config: Config;
  /** Top-level keys that changed, and hold from now on. */
  readonly changed: readonly string[];
  /** Top-level keys that changed in the file, and need a restart. */
  readonly restart: readonly string[];
}

/** What a running sidecar takes over from `next`. */
export function planReload(current: Config, next: Config): ReloadOutcome {
  const differs = (keys: readonly string[]): boolean =>
    keys.some((key) => !isDeepStrictEqual(of(current, key), of(next, key)));
  const differsInFiles = (name: string): boolean =>
    !isDeepStrictEqual(certificatesUnder(current, name), certificatesUnder(next, name));
  const named = (table: Readonly<Record<string, readonly string[]>>): string[] =>
    Object.entries(table).flatMap(([name, keys]) => (differs(keys) || differsInFiles(name) ? [name] : []));
  const restart = named(AT_START);
  const changed = named(LIVE);
  // Whatever is in no list above is new, and needs a start until somebody has thought about it.
  const listed = [...Object.values(AT_START).flat(), ...Object.values(LIVE).flat()];
  const known = new Set<string>([...listed, 'certificates', 'file']);
  for (const key of Object.keys(next)) if (!known.has(key) && differs([key])) restart.push(key);
  if (changed.length === 0) return { config: current, changed, restart };
  const kept = Object.keys(current).filter(
    (key) =>
      !Object.values(LIVE)
        .flat()
        .includes(key as never),
  );
  const certificates = [
    ...current.certificates.filter((files) => !isLive(files)),
    ...next.certificates.filter((files) => isLive(files)),
  ];
  const config = { ...next, ...Object.fromEntries(kept.map((key) => [key, of(current, key)])), certificates };
  return { config, changed, restart };
}

/** The key of the file that a `tls` stands under: `services` for `services.book.tls`, `listen` for `listen[0].tls`. */
function keyOf({ id }: CertificateFiles): string {
  return /^\w+/.exec(id)?.[0] ?? '';
}

function isLive(files: CertificateFiles): boolean {
  return Object.hasOwn(LIVE, keyOf(files));
}

/** By id: in which order they stand changes nothing. */
function certificatesUnder({ certificates }: Config, key: string): ReadonlyMap<string, CertificateFiles> {
  return new Map(certificates.flatMap((files) => (keyOf(files) === key ? [[files.id, files]] : [])));
}

function of(config: Config, key: string): unknown {
  return (config as unknown as Readonly<Record<string, unknown>>)[key];
}
