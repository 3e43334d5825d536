import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { isatty } from 'node:tty';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';

/** Shells add the number of the signal that ended a process to this. */
const ENDED_BY_SIGNAL = 128;
const STANDARD_INPUT = 0;

export interface WrappedAppOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Prints why the app could not be started. */
  readonly error: (text: string) => void;
}

/** The app that is run together with the sidecar: it has our terminal, and its end is ours. */
export interface WrappedApp {
  /** Its exit code: 128 and the number of the signal when one ended it (as shells have it), 1 when it could not be started. */
  readonly ended: Promise<number>;
  /** Passes `signal` on, waits for the end, and after `graceMs` milliseconds forces it. Resolves with the exit code. */
  stop(signal: NodeJS.Signals, graceMs: number): Promise<number>;
  /** Ends it now. */
  kill(): void;
}

/** Starts the app; never throws, since a command that cannot be started is an app that ended. */
export function startWrappedApp(command: readonly string[], { clock, log, error }: WrappedAppOptions): WrappedApp {
  const [program = '', ...args] = command;
  const child: ChildProcess = spawn(program, args, { stdio: 'inherit' });
  const ended = new Promise<number>((resolve) => {
    child.on('error', (cause) => {
      // A signal that cannot be delivered is an error, too, but not the end.
      if (child.pid !== undefined) return;
      error(`cannot start ${program}: ${cause.message}\n  hint: the command after "--" must be on the PATH\n`);
      resolve(1);
    });
    child.once('exit', (status, signal) => {
      resolve(status ?? ENDED_BY_SIGNAL + (signal === null ? 0 : constants.signals[signal]));
    });
  });
  return {
    ended,
    async stop(signal, graceMs) {
      if (!heardItself(signal)) child.kill(signal);
      const cancel = clock.after(graceMs, () => {
        log.warn('The app did not end in time and is killed.', { signal, grace_ms: graceMs, pid: child.pid });
        child.kill('SIGKILL');
      });
      const code = await ended;
      cancel();
      return code;
    },
    kill: () => void child.kill('SIGKILL'),
  };
}

/** A terminal sends Ctrl-C to every process in the foreground: passed on, it would be a second one, which ends many programs at once. */
function heardItself(signal: NodeJS.Signals): boolean {
  return signal === 'SIGINT' && isatty(STANDARD_INPUT);
}
