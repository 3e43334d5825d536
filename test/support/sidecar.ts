import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from './eventually.ts';
import { PATIENCE_MS, type Process, startProcess } from './process.ts';

/** A running sidecar process, listening on ports that the system chose. */
export interface Sidecar {
  /** `127.0.0.1:PORT` of the proxy. */
  readonly address: string;
  /** `http://127.0.0.1:PORT` */
  readonly admin: string;
  readonly telemetry: string;
  /** The config file it was started with; belongs to the test, which may rewrite it. */
  readonly configFile: string;
  readonly process: Process;
  /** What `GET /services` of the admin port says of one service; null when it does not list it. */
  service(name: string): Promise<ListedService | null>;
  /** Waits until a service has exactly `count` instances and a ready connection to each. */
  untilReady(name: string, count: number): Promise<void>;
  /** Resident memory in octets. */
  rss(): number;
  output(): string;
  /** SIGTERM; resolves with the exit code once in-flight calls are answered. */
  stop(): Promise<number | string>;
  kill(): Promise<void>;
}

/** The part of an entry of `GET /services` that tests look at. */
export interface ListedService {
  readonly name: string;
  readonly stale: boolean;
  readonly instances: readonly {
    readonly address: string;
    readonly version: string | null;
    readonly state: string;
  }[];
}

/** The program as it stands in the tree: no build in between. */
export const MAIN = new URL('../../src/main.ts', import.meta.url).pathname;
/** The program as users get it; `npm test` builds it first. */
export const BUILT = new URL('../../dist/main.js', import.meta.url).pathname;

/** Ports of the system's choice for everything that listens. */
export const ANY_PORTS = { listen: '127.0.0.1:0', admin: '127.0.0.1:0', telemetry: '127.0.0.1:0' } as const;

const directories: string[] = [];
process.once('exit', () => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
});

/** A directory that is removed when the test process ends. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'outrigger-test-'));
  directories.push(directory);
  return directory;
}

/** Runs any command of the program to its end. */
export async function runOutrigger(
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<{ code: number | string; stdout: string; stderr: string; output: string }> {
  const child = startProcess(process.execPath, [MAIN, ...args], { ...options, closeStdin: true });
  const code = await child.exited;
  return { code, stdout: child.stdout(), stderr: child.stderr(), output: child.output() };
}

/** Starts a sidecar with `config` (any shape: JSON is YAML) or the flags in `args`; resolves when it listens. */
export async function startSidecar(
  config: object | null,
  options: { args?: readonly string[]; env?: NodeJS.ProcessEnv; program?: string } = {},
): Promise<Sidecar> {
  const directory = temporaryDirectory();
  const configFile = join(directory, 'outrigger.yaml');
  const args = [options.program ?? MAIN, 'run'];
  if (config !== null) {
    writeFileSync(configFile, JSON.stringify({ ...ANY_PORTS, ...config }, null, 2));
    args.push('--config', configFile);
  }
  const child = startProcess(process.execPath, [...args, ...(options.args ?? [])], {
    cwd: directory,
    ...(options.env === undefined ? {} : { env: options.env }),
  });
  try {
    const [, address] = await child.waitFor(/listening on (127\.0\.0\.1:\d+)/);
    const [, admin] = await child.waitFor(/admin on (http:\/\/127\.0\.0\.1:\d+)/);
    const [, telemetry] = await child.waitFor(/telemetry on (http:\/\/127\.0\.0\.1:\d+)/);
    const service = async (name: string): Promise<ListedService | null> => {
      const response = await fetch(`${admin}/services`, { signal: AbortSignal.timeout(PATIENCE_MS) });
      const services = (await response.json()) as ListedService[];
      return services.find((listed) => listed.name === name) ?? null;
    };
    return {
      address: address as string,
      admin: admin as string,
      telemetry: telemetry as string,
      configFile,
      process: child,
      service,
      async untilReady(name, count) {
        await eventually(async () => {
          const states = (await service(name))?.instances.map((instance) => instance.state) ?? [];
          const ready = states.filter((state) => state === 'ready').length;
          if (ready !== count || states.length !== count) {
            throw new Error(`service ${name}: expected ${count} ready instances, found [${states.join(', ')}]`);
          }
          return true;
        });
      },
      rss: () => child.rss(),
      output: () => child.output(),
      stop() {
        child.signal('SIGTERM');
        return child.exited;
      },
      kill: () => child.kill(),
    };
  } catch (error) {
    await child.kill();
    throw error;
  }
}
