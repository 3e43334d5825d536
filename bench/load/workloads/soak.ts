import { setTimeout as delay } from 'node:timers/promises';
import { residentMb } from '../accounting.ts';
import { startBackends } from '../backends/backends.ts';
import type { Context } from '../context.ts';
import { median } from '../figures.ts';
import { runH2load } from '../h2load.ts';
import { sidecarConfig, startOutrigger } from '../peers/outrigger.ts';
import type { Figure, FigureWorkload } from './workload.ts';

const SAMPLES = 40;
const CLIENTS = 20;
const STREAMS = 10;
/** Requests per second and client: busy, but not all the time. */
const RATE = 500;

/** Steady load for a long time: does memory grow? Runs only when asked for (`--soak 10m`). */
export const SOAK: FigureWorkload = {
  kind: 'figures',
  id: 'soak',
  group: 'soak',
  title: `${(CLIENTS * RATE).toLocaleString('en')} requests/s for as long as --soak says`,
  byDefault: false,
  needs: { nghttpd: 'nghttp2-server', h2load: 'nghttp2-client' },
  async measure(context): Promise<Figure[]> {
    const backends = await startBackends(context, 'files');
    try {
      const sidecar = await startOutrigger(context, sidecarConfig(backends.addresses, 1), context.proxyCpu);
      try {
        return await soak(context, sidecar.port, () => residentMb(sidecar.child.pid));
      } finally {
        await sidecar.child.stop();
      }
    } finally {
      await backends.stop();
    }
  },
};

async function soak(context: Context, port: number, resident: () => number): Promise<Figure[]> {
  const milliseconds = context.options.soak;
  const duration = Math.max(1, Math.round(milliseconds / 1_000));
  let over = false;
  const load = runH2load(context, {
    port,
    clients: CLIENTS,
    streams: STREAMS,
    what: 'small',
    amount: { perClient: RATE, warmUp: 1, duration },
    log: false,
  }).finally(() => {
    over = true;
  });
  const samples: number[] = [];
  while (!over) {
    await Promise.race([load, delay(milliseconds / SAMPLES)]);
    samples.push(resident());
  }
  const { summary, problem } = await load;
  const quarter = Math.max(1, samples.length >> 2);
  // The first quarter is still filling pools and heap: the growth that matters comes after it.
  const early = median(samples.slice(quarter, 2 * quarter));
  const late = median(samples.slice(-quarter));
  const growth = early === null || late === null ? null : late - early;
  const note = problem ?? (summary !== null && summary.failed > 0 ? `${summary.failed} requests failed` : '');
  return [
    { name: 'second quarter', value: early, unit: 'MB', target: '' },
    { name: 'last quarter', value: late, unit: 'MB', target: '' },
    { name: 'growth', value: growth, unit: 'MB', target: 'none over 10 minutes', note },
    { name: 'requests', value: summary?.done ?? null, unit: '', target: '' },
  ];
}
