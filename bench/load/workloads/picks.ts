import { runChild } from '../children.ts';
import type { Context } from '../context.ts';
import type { Figure, FigureWorkload } from './workload.ts';

const LONGEST = 300_000;

/** What the micro benchmarks of the balancing policies and of the snapshots say, on the proxy's CPU. */
export const W8: FigureWorkload = {
  kind: 'figures',
  id: 'W8',
  group: 'W8',
  title: 'a pick among 3 to 10,000 instances, and a change of one of 10,000',
  byDefault: true,
  needs: {},
  async measure(context): Promise<Figure[]> {
    const picks = await micro(context, 'picks.ts');
    const figures = picks.map(
      ({ name, ns }): Figure => ({ name, value: ns, unit: 'ns', target: 'within 20% from 3 to 10,000' }),
    );
    for (const { name, ns } of await micro(context, 'snapshot.ts')) {
      figures.push({ name, value: ns / 1_000_000, unit: 'ms', target: 'under 5 ms' });
    }
    return figures;
  },
};

interface MicroFigure {
  readonly name: string;
  readonly ns: number;
}

async function micro(context: Context, file: string): Promise<MicroFigure[]> {
  const script = new URL(`../../micro/${file}`, import.meta.url).pathname;
  const args = [script, '--json', ...(context.options.quick ? ['--quick'] : [])];
  const { code, output } = await runChild(file, process.execPath, args, LONGEST, { cpus: context.proxyCpu });
  const lines = output.split('\n').filter((line) => line.startsWith('{'));
  if (code !== 0 || lines.length === 0)
    throw new Error(`bench/micro/${file} ended with ${code}: ${output.slice(-500)}`);
  return lines.map((line) => JSON.parse(line) as MicroFigure);
}
