import { PATIENCE_MS, type Process, startProcess } from './process.ts';

/** A test server in a process of its own, for what only a process can do: be killed, be restarted on its port. */
export interface GrpcProcess {
  readonly name: string;
  readonly version: string;
  readonly port: number;
  readonly address: string;
  readonly process: Process;
  /** SIGTERM: GOAWAY, calls in flight are answered, exit. Resolves when it is gone. */
  drain(): Promise<void>;
  kill(): Promise<void>;
}

const SCRIPT = new URL('grpc_server.ts', import.meta.url).pathname;

/** Starts `grpc_server.ts`; resolves when it listens. */
export async function startGrpcProcess(
  options: { name?: string; version?: string; port?: number; streams?: number } = {},
): Promise<GrpcProcess> {
  const { name = 'echo', version = 'v1', port = 0, streams } = options;
  const args = [SCRIPT, '--name', name, '--version', version, '--port', String(port)];
  if (streams !== undefined) args.push('--streams', String(streams));
  const child = startProcess(process.execPath, args);
  const match = await child.waitFor(/listening on (127\.0\.0\.1:(\d+))/, PATIENCE_MS);
  return {
    name,
    version,
    port: Number(match[2]),
    address: match[1] as string,
    process: child,
    async drain() {
      child.signal('SIGTERM');
      await child.exited;
    },
    kill: () => child.kill(),
  };
}
