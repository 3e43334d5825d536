import { readConfig } from '../config/read.ts';
import { type Output, problemsText } from './check_print.ts';
import type { SimulateCommand } from './simulate/command.ts';
import { reportJson, reportText } from './simulate/report.ts';
import { simulate } from './simulate/simulate.ts';

/** Progress is shown when it takes longer than this, and this often, in milliseconds. */
const SHOW_EVERY = 500;

/** The `simulate` command: how a service of the config would be balanced. Resolves with the exit code. */
export async function runSimulate(command: SimulateCommand, output: Output): Promise<number> {
  const result = await readConfig(command.config);
  if (result.kind === 'problems') {
    output.err(problemsText(result.problems, output.color));
    return 2;
  }
  const shows = process.stderr.isTTY === true;
  let shownAt = performance.now();
  let shown = false;
  const progress = (done: number): void => {
    if (!shows || performance.now() - shownAt < SHOW_EVERY) return;
    shownAt = performance.now();
    shown = true;
    output.err(`\r${Math.floor(done * 100)}% of the calls`);
  };
  const report = await simulate(result.config, command, progress);
  if (shown) output.err('\r\u001b[K');
  if (report.kind === 'problem') {
    output.err(`${report.message}\n  hint: ${report.hint}\n`);
    return 2;
  }
  output.out(command.json ? reportJson(report) : reportText(report));
  return 0;
}
