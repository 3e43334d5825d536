import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { PATIENCE } from './eventually.ts';

/** A child process whose output is kept and can be waited for. */
export interface Process {
  readonly pid: number;
  /** All of stdout, then all of stderr so far. */
  output(): string;
  stdout(): string;
  stderr(): string;
  /** The first match of `pattern` in stdout or stderr; rejects with the output when the process ends or time runs out first. */
  waitFor(pattern: RegExp, timeoutMs?: number): Promise<RegExpExecArray>;
  /** Resident memory in octets, as Linux counts it. */
  rss(): number;
  signal(signal: NodeJS.Signals): void;
  /** Resolves with the exit code, or the name of the signal that ended it. */
  readonly exited: Promise<number | string>;
  /** SIGKILL if it still runs; resolves when it is gone. */
  kill(): Promise<void>;
}

/** How long a process may take to come up on a busy machine, in milliseconds. */
export const PATIENCE_MS = 2 * PATIENCE;

const running = new Set<ChildProcess>();
// A test run that is cut off must not leave processes behind.
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Starts a command. Its stdin stays open until this process ends. */
export function startProcess(
  command: string,
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv; cwd?: string; closeStdin?: boolean } = {},
): Process {
  const child: ChildProcess = spawn(command, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, NODE_OPTIONS: '', FORCE_COLOR: '0', ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  running.add(child);
  if (options.closeStdin) child.stdin?.end();
  let out = '';
  let err = '';
  let over = false;
  const listeners = new Set<() => void>();
  const wake = () => {
    for (const listener of [...listeners]) listener();
  };
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    out += chunk;
    wake();
  });
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    err += chunk;
    wake();
  });
  child.stdin?.on('error', () => {}); // EPIPE of a process that is gone already
  const exited = new Promise<number | string>((resolve) => {
    child.once('error', (error) => {
      err += `${error.message}\n`;
      over = true;
      wake();
      resolve(-1);
    });
    child.once('close', (code, signal) => {
      running.delete(child);
      over = true;
      wake();
      resolve(code ?? signal ?? -1);
    });
  });
  const describe = () => `${command} ${args.join(' ')}\n--- stdout\n${out}--- stderr\n${err}`;
  return {
    pid: child.pid ?? -1,
    output: () => out + err,
    stdout: () => out,
    stderr: () => err,
    exited,
    waitFor(pattern, timeoutMs = PATIENCE_MS) {
      return new Promise((resolve, reject) => {
        const finish = (settle: () => void) => {
          clearTimeout(timer);
          listeners.delete(look);
          settle();
        };
        const look = () => {
          const match = pattern.exec(out) ?? pattern.exec(err);
          if (match) finish(() => resolve(match));
          else if (over) finish(() => reject(new Error(`ended before it printed ${pattern}: ${describe()}`)));
        };
        const timer = setTimeout(
          () => finish(() => reject(new Error(`did not print ${pattern} in ${timeoutMs} ms: ${describe()}`))),
          timeoutMs,
        );
        listeners.add(look);
        look();
      });
    },
    rss() {
      const match = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'));
      return Number(match?.[1]) * 1024;
    },
    signal: (signal) => void child.kill(signal),
    async kill() {
      if (!over) child.kill('SIGKILL');
      await exited;
    },
  };
}
