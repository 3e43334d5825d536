import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { OutriggerError } from '../../base/errors.ts';
import { PROGRAM } from '../../program.ts';

/** A sidecar that runs as its own process, as it would beside an app. */
export interface SidecarProcess {
  /** `host:port` for clients. */
  readonly address: string;
  /** `http://host:port` */
  readonly admin: string;
  readonly telemetry: string;
  readonly pid: number;
  /** Everything it printed, the end of it if that was much. */
  output(): string;
  /** SIGTERM, then SIGKILL if it has not gone after its grace period; resolves when it is gone. */
  stop(): Promise<void>;
}

const START_TIMEOUT_MS = 15_000;
const STOP_TIMEOUT_MS = 10_000;
const OUTPUT_KEPT = 64 * 1024;

/** `run` with a config file; resolves when it listens. Rejects with what it printed if it does not come up. */
export function startSidecarProcess(configFile: string): Promise<SidecarProcess> {
  const child = spawn(process.execPath, [PROGRAM, 'run', '--config', configFile], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  // Whatever ends the demo, the sidecar does not outlive it.
  process.once('exit', () => child.kill('SIGKILL'));
  const exited = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
    child.once('error', () => resolve());
  });
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(timer);
  };
  return new Promise((resolve, reject) => {
    const fail = (what: string) => {
      clearTimeout(timer);
      child.kill('SIGKILL');
      reject(
        new OutriggerError('demo_sidecar', `the sidecar ${what}; it printed:\n${output || '(nothing)'}`, {
          hint: `try it alone: outrigger run --config ${configFile}`,
        }),
      );
    };
    const timer = setTimeout(() => fail(`was not listening after ${START_TIMEOUT_MS / 1000} s`), START_TIMEOUT_MS);
    const read = (chunk: string) => {
      output = (output + chunk).slice(-OUTPUT_KEPT);
      const address = /listening on (\S+:\d+)/.exec(output)?.[1];
      const admin = /admin on (http:\/\/\S+:\d+)/.exec(output)?.[1];
      const telemetry = /telemetry on (http:\/\/\S+:\d+)/.exec(output)?.[1];
      if (!address || !admin || !telemetry) return;
      clearTimeout(timer);
      resolve({ address, admin, telemetry, pid: child.pid ?? -1, output: () => output, stop });
    };
    child.stdout.setEncoding('utf8').on('data', read);
    child.stderr.setEncoding('utf8').on('data', read);
    child.once('error', (error) => fail(`could not be started (${error.message})`));
    child.once('close', (code, signal) => fail(`ended with ${signal ?? `exit code ${code}`}`));
  });
}

/** `wanted` if nobody listens there, else port 0 on the same host: the system then chooses one. */
export function freeAddress(host: string, wanted: number): Promise<string> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(`${host}:0`));
    probe.listen(wanted, host, () => probe.close(() => resolve(`${host}:${wanted}`)));
  });
}
