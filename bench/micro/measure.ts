/**
 * The stopwatch of the micro benchmarks. Each file of this directory is a program: `node bench/micro/hpack.ts`, or with a word to
 * run only the cases whose names contain it (`node --cpu-prof bench/micro/hpack.ts decode` for a profile of those).
 * `--json` prints a line of JSON per case, `--quick` takes a fraction of the time and gives no figures.
 */
const flags = new Set(process.argv.slice(2).filter((word) => word.startsWith('--')));
const only = process.argv.slice(2).find((word) => !word.startsWith('--')) ?? '';
const quick = flags.has('--quick');
const ROUNDS = quick ? 3 : 7;
const ROUND_NS = quick ? 5_000_000 : 60_000_000;
/** Until then the compiler has seen enough. */
const WARM_UP_NS = quick ? 5_000_000 : 200_000_000;

let kept = 0;

/** Takes what was computed, so that the compiler cannot find it useless. */
export function keep(value: number): void {
  kept += value;
}

/**
 * Prints what one operation takes: the median of the rounds, in nanoseconds. `run` is given how many times to do it; each time is
 * `operations` of them.
 */
export function measure(name: string, run: (times: number) => void, operations = 1): void {
  if (!name.includes(only)) return;
  const times = calibrate(run);
  const rounds = Array.from({ length: ROUNDS }, () => elapsed(run, times) / times / operations).sort((a, b) => a - b);
  const ns = rounds[ROUNDS >> 1] as number;
  const line = flags.has('--json') ? JSON.stringify({ name, ns }) : `${name.padEnd(76)} ${format(ns).padStart(10)} ns`;
  process.stdout.write(`${line}\n`);
}

/** Warms up, and finds out how many times fill a round. */
function calibrate(run: (times: number) => void): number {
  let times = 1;
  let took = elapsed(run, times);
  for (let spent = took; spent < WARM_UP_NS; spent += took) {
    if (took < WARM_UP_NS / 8) times *= 2;
    took = elapsed(run, times);
  }
  return Math.max(1, Math.round((times * ROUND_NS) / took));
}

function elapsed(run: (times: number) => void, times: number): number {
  const from = process.hrtime.bigint();
  run(times);
  return Number(process.hrtime.bigint() - from);
}

function format(ns: number): string {
  return ns.toLocaleString('en', { maximumFractionDigits: ns < 100 ? 1 : 0 });
}

process.once('exit', () => {
  if (Number.isNaN(kept)) process.stderr.write('something computed NaN\n');
});
