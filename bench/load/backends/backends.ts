import { type Child, startChild } from '../children.ts';
import type { Context } from '../context.ts';
import { freePort, untilAccepting } from '../ports.ts';
import { bodyFiles } from './bodies.ts';

/** Servers that stand behind every proxy of a workload; the same ones for all. */
export interface Backends {
  /** `host:port` */
  readonly addresses: readonly string[];
  stop(): Promise<void>;
}

export type BackendKind = 'files' | 'echo';

const INSTANCES = 3;
const ECHO = new URL('echo_process.ts', import.meta.url).pathname;

/** Starts three instances: nghttpd with files (`files`), or one process with three ports that echoes gRPC messages (`echo`). */
export function startBackends(context: Context, kind: BackendKind): Promise<Backends> {
  return kind === 'files' ? startFiles(context) : startEcho();
}

async function startFiles(context: Context): Promise<Backends> {
  const { directory } = bodyFiles(context);
  const children: Child[] = [];
  const addresses: string[] = [];
  const stop = async (): Promise<void> => void (await Promise.all(children.map((child) => child.stop())));
  try {
    for (let i = 0; i < INSTANCES; i++) {
      const port = await freePort();
      const flags = ['--no-tls', '--address=127.0.0.1', '-n1', '-m100', '--trailer', 'grpc-status: 0', '-d', directory];
      children.push(startChild('nghttpd', 'nghttpd', [...flags, String(port)]));
      await untilAccepting('nghttpd', port);
      addresses.push(`127.0.0.1:${port}`);
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return { addresses, stop };
}

async function startEcho(): Promise<Backends> {
  const child = startChild('echo backend', process.execPath, [ECHO, String(INSTANCES)]);
  try {
    const [, ports] = await child.waitFor(/listening on ([\d,]+)\n/);
    const addresses = (ports as string).split(',').map((port) => `127.0.0.1:${port}`);
    return { addresses, stop: () => child.stop() };
  } catch (error) {
    await child.stop();
    throw error;
  }
}
