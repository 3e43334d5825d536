import { isDeepStrictEqual } from 'node:util';
import type { Config } from './config.ts';

/** Keys that take effect at the next start: addresses and threads are made once. Names as in the file. */
const AT_START = {
  listen: ['listen', 'secureListen'],
  reuse_port: ['reusePort'],
  admin: ['admin'],
  admin_grpc: ['adminGrpc'],
  telemetry: ['telemetry'],
  workers: ['workers'],
  inbound: ['inbound'],
  tls: ['certificates'],
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
  const named = (table: Readonly<Record<string, readonly string[]>>): string[] =>
    Object.entries(table).flatMap(([name, keys]) => (differs(keys) ? [name] : []));
  const restart = named(AT_START);
  const changed = named(LIVE);
  // Whatever is in no list above is new, and needs a start until somebody has thought about it.
  const known = new Set<string>([...Object.values(AT_START).flat(), ...Object.values(LIVE).flat(), 'file']);
  for (const key of Object.keys(next)) if (!known.has(key) && differs([key])) restart.push(key);
  if (changed.length === 0) return { config: current, changed, restart };
  const kept = Object.keys(current).filter(
    (key) =>
      !Object.values(LIVE)
        .flat()
        .includes(key as never),
  );
  const config = { ...next, ...Object.fromEntries(kept.map((key) => [key, of(current, key)])) };
  return { config, changed, restart };
}

function of(config: Config, key: string): unknown {
  return (config as unknown as Readonly<Record<string, unknown>>)[key];
}
