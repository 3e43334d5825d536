import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Child, startChild } from '../children.ts';
import type { Context } from '../context.ts';
import type { Peer } from './peer.ts';

/** What to run: as users run it, from the build. */
export const BUILT = new URL('../../../dist/main.js', import.meta.url).pathname;

/** A running sidecar and its addresses, all on ports that the system chose. */
export interface SidecarProcess {
  readonly child: Child;
  readonly port: number;
  /** `http://127.0.0.1:PORT` */
  readonly telemetry: string;
}

let configs = 0;

/** Starts `outrigger run` with a config (JSON is YAML); resolves when it listens. */
export async function startOutrigger(context: Context, config: object, cpus: string): Promise<SidecarProcess> {
  // Apart from the logs of the load: the directory of a config is watched for changes.
  const directory = join(context.directory, `outrigger-${++configs}`);
  mkdirSync(directory);
  const file = join(directory, 'outrigger.yaml');
  const addresses = { listen: '127.0.0.1:0', admin: '127.0.0.1:0', telemetry: '127.0.0.1:0' };
  writeFileSync(file, JSON.stringify({ ...addresses, ...config }));
  const child = startChild('outrigger', process.execPath, [BUILT, 'run', '--config', file], { cpus });
  try {
    const [, port] = await child.waitFor(/listening on 127\.0\.0\.1:(\d+)/);
    const [, telemetry] = await child.waitFor(/telemetry on (http:\/\/127\.0\.0\.1:\d+)/);
    return { child, port: Number(port), telemetry: telemetry as string };
  } catch (error) {
    await child.stop();
    throw error;
  }
}

/** Instances of the config's static registry, all of version v1. */
export function staticInstances(backends: readonly string[]): { address: string; version: string }[] {
  return backends.map((address) => ({ address, version: 'v1' }));
}

/** The sidecar with everything on that it has: metrics, round robin, `x-version`, a default service. */
export function sidecarConfig(backends: readonly string[], workers: number): object {
  return {
    workers,
    registries: { here: { type: 'static' } },
    services: { greeter: { registry: 'here', instances: staticInstances(backends) } },
    default_service: 'greeter',
  };
}

export const outrigger: Peer = {
  name: 'outrigger',
  about: 'this project, from dist/',
  share: 1,
  needs: null,
  find() {
    const manifest = new URL('../../../package.json', import.meta.url);
    return { kind: 'found', version: (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version };
  },
  excluded: () => null,
  terminatesTls: true,
  async start(context, backends, { workers, cpus, tls, config: own = {} }) {
    const config = sidecarConfig(backends, workers);
    const listen = tls === null ? {} : { listen: [{ address: '127.0.0.1:0', tls: { cert: tls.cert, key: tls.key } }] };
    const { child, port } = await startOutrigger(context, { ...config, ...listen, ...own }, cpus);
    return { port, pid: child.pid, stop: () => child.stop() };
  },
};
