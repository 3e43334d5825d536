import { type ChildProcess, spawn } from 'node:child_process';

/** A process that the bench started, as the leader of a process group of its own. */
export interface Child {
  readonly name: string;
  readonly pid: number;
  /** Standard output and error so far, at most the last 256 KiB. */
  output(): string;
  /** The first match of `pattern` in the output; rejects with the output when the process ends or time runs out first. */
  waitFor(pattern: RegExp, ms?: number): Promise<RegExpExecArray>;
  /** Resolves with the exit code, or the name of the signal that ended it. */
  readonly exited: Promise<number | string>;
  /** Writes a line to its standard input. */
  tell(line: string): void;
  /** SIGTERM, and SIGKILL if that does not help; resolves when it is gone. */
  stop(): Promise<void>;
}

const MOST_OUTPUT = 256 * 1024;
/** How long a process may take to come up, in milliseconds. */
const START_TIMEOUT = 20_000;
/** How long a process may take to end after SIGTERM, in milliseconds. */
const STOP_TIMEOUT = 3_000;

const running = new Map<number, ChildProcess>();

/** Ends everything that runs, at once: for the end of this process, expected or not. */
export function killAll(): void {
  for (const pid of running.keys()) signalGroup(pid, 'SIGKILL');
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // It is gone already.
  }
}

/** Starts a command. `cpus` pins it (`taskset -c`); otherwise it runs where the bench itself runs. */
export function startChild(
  name: string,
  command: string,
  args: readonly string[],
  options: { cpus?: string | null; cwd?: string } = {},
): Child {
  const { cpus = null } = options;
  const line = cpus === null ? [command, ...args] : ['taskset', '-c', cpus, command, ...args];
  const child = spawn(line[0] as string, line.slice(1), {
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
    env: { ...process.env, NODE_OPTIONS: '' },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const { pid } = child;
  if (pid !== undefined) running.set(pid, child);
  let output = '';
  let over = false;
  const waiting = new Set<() => void>();
  const wake = (): void => {
    for (const look of [...waiting]) look();
  };
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      output = (output + chunk).slice(-MOST_OUTPUT);
      wake();
    });
  }
  child.stdin?.on('error', () => {}); // EPIPE of a process that is gone already
  const exited = new Promise<number | string>((resolve) => {
    const end = (code: number | string): void => {
      over = true;
      if (pid !== undefined) running.delete(pid);
      wake();
      resolve(code);
    };
    child.once('error', (error) => {
      output += `${error.message}\n`;
      end(-1);
    });
    child.once('close', (code, signal) => end(code ?? signal ?? -1));
  });

  return {
    name,
    pid: pid ?? -1,
    output: () => output,
    exited,
    waitFor(pattern, ms = START_TIMEOUT) {
      return new Promise((resolve, reject) => {
        const settle = (finish: () => void): void => {
          clearTimeout(timer);
          waiting.delete(look);
          finish();
        };
        const fail = (what: string): void =>
          settle(() => reject(new Error(`${name} ${what} ${pattern}:\n${output.slice(-2_000)}`)));
        const look = (): void => {
          const match = pattern.exec(output);
          if (match !== null) settle(() => resolve(match));
          else if (over) fail('ended before it printed');
        };
        const timer = setTimeout(() => fail(`within ${ms} ms did not print`), ms);
        waiting.add(look);
        look();
      });
    },
    tell: (text) => void child.stdin?.write(`${text}\n`),
    async stop() {
      if (pid === undefined || over) return;
      signalGroup(pid, 'SIGTERM');
      const timer = setTimeout(() => signalGroup(pid, 'SIGKILL'), STOP_TIMEOUT);
      await exited;
      clearTimeout(timer);
      // Workers that outlived their master.
      signalGroup(pid, 'SIGKILL');
    },
  };
}

/** Runs a command to its end, or for `ms` milliseconds at most; `code` is null when it had to be ended. */
export async function runChild(
  name: string,
  command: string,
  args: readonly string[],
  ms: number,
  options: { cpus?: string | null } = {},
): Promise<{ code: number | string | null; output: string }> {
  const child = startChild(name, command, args, options);
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    void child.stop();
  }, ms);
  const code = await child.exited;
  clearTimeout(timer);
  return { code: late ? null : code, output: child.output() };
}
