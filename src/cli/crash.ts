import { describeError } from '../base/errors.ts';

/** What the last words of the process depend on. */
export interface Crash {
  readonly error: unknown;
  readonly version: string;
  /** With the stack: for who works on the program, and where it cannot be had by doing the same again. */
  readonly stack: boolean;
}

/** What is said when the program itself is wrong: nobody caught `error`. */
export function crashText({ error, version, stack }: Crash): string {
  const what = `outrigger ${version} failed in a way that it should not: ${describeError(error)}`;
  const hint = stack
    ? 'this is a fault of outrigger: please report it, with what stands above and the command line'
    : 'this is a fault of outrigger: please report it, with the command line and what OUTRIGGER_DEBUG=1 adds to this';
  const where = stack && error instanceof Error && error.stack !== undefined ? `${error.stack}\n` : '';
  return `${what}\n${where}  hint: ${hint}\n`;
}

/** The commands that run for long: what befell them cannot be had again at will. */
const DAEMONS = ['run', 'register'];

/** Ends the process with exit code 1 and `crashText`, instead of Node's own way, when nobody catches an error. */
export function reportCrashes(command: string, version: () => string, env: NodeJS.ProcessEnv): void {
  const stack = DAEMONS.includes(command) || Boolean(env.OUTRIGGER_DEBUG);
  process.on('uncaughtException', (error) => {
    process.stderr.write(crashText({ error, version: version(), stack }), () => process.exit(1));
    // Also when nobody reads it.
    process.exitCode = 1;
  });
}
