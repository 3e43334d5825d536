import { setTimeout as delay } from 'node:timers/promises';
import { startBackends } from '../backends/backends.ts';
import { bothCpus, type Context } from '../context.ts';
import { median } from '../figures.ts';
import { sidecarConfig, startOutrigger } from '../peers/outrigger.ts';
import type { Figure, FigureWorkload } from './workload.ts';

const STARTS = 10;
/** A start that takes longer is given up, in milliseconds. */
const LONGEST = 20_000;
/** From the start of the process until `/ready` says so, with three instances of a static registry. */
export const START: FigureWorkload = {
  kind: 'figures',
  id: 'start',
  group: 'start',
  title: '`outrigger run` with a static registry, until it is ready',
  byDefault: true,
  needs: { nghttpd: 'nghttp2-server' },
  async measure(context): Promise<Figure[]> {
    const backends = await startBackends(context, 'files');
    const times: number[] = [];
    try {
      for (let i = 0; i < (context.options.quick ? 2 : STARTS); i++)
        times.push(await timeOneStart(context, backends.addresses));
    } finally {
      await backends.stop();
    }
    return [
      { name: 'start to ready, median', value: median(times), unit: 'ms', target: 'at most 300 ms' },
      { name: 'start to ready, slowest', value: Math.max(...times), unit: 'ms', target: '' },
    ];
  },
};

async function timeOneStart(context: Context, instances: readonly string[]): Promise<number> {
  const from = performance.now();
  const sidecar = await startOutrigger(context, sidecarConfig(instances, 1), bothCpus(context));
  try {
    while (!(await isReady(sidecar.telemetry))) {
      if (performance.now() - from > LONGEST) throw new Error(`outrigger is not ready after ${LONGEST} ms`);
      await delay(1);
    }
    return performance.now() - from;
  } finally {
    await sidecar.child.stop();
  }
}

async function isReady(telemetry: string): Promise<boolean> {
  const response = await fetch(`${telemetry}/ready`, { signal: AbortSignal.timeout(2_000) });
  await response.arrayBuffer();
  return response.ok;
}
