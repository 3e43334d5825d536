import { setTimeout as delay } from 'node:timers/promises';
import { startBackends } from '../backends/backends.ts';
import { startFarm } from '../backends/farm.ts';
import { bothCpus, type Context } from '../context.ts';
import { median, percentile } from '../figures.ts';
import { runH2load } from '../h2load.ts';
import { startOutrigger, staticInstances } from '../peers/outrigger.ts';
import type { Figure, FigureWorkload } from './workload.ts';

const INSTANCES = 1_000;
const SCRAPES = 20;
/** Seconds of load, with a scrape each second or with none. */
const DURATION = 10;
const LONGEST = 60_000;
/** 2,000 requests a second in all: what is looked for is a pause, and a busy machine has enough of its own. */
const LOAD = { clients: 10, streams: 10, what: 'small', log: true, perClient: 200 } as const;

/** As Prometheus asks by default, but for the escaping of names: OpenMetrics before its own text format, and packed. */
const HEADERS = {
  accept:
    'application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.1',
  'accept-encoding': 'gzip',
};

/** What Prometheus costs: how long a scrape of many instances takes, and what requests feel of it. */
export const SCRAPE: FigureWorkload = {
  kind: 'figures',
  id: 'scrape',
  group: 'scrape',
  title: 'a scrape of /metrics with 1,000 instances connected, and the latency of requests beside it',
  byDefault: true,
  needs: { nghttpd: 'nghttp2-server', h2load: 'nghttp2-client' },
  async measure(context): Promise<Figure[]> {
    const count = context.options.quick ? 50 : INSTANCES;
    const farm = await startFarm(count, 'reply');
    const backends = await startBackends(context, 'files');
    try {
      const services = {
        greeter: { registry: 'here', instances: staticInstances(backends.addresses) },
        crowd: { registry: 'here', instances: staticInstances(farm.addresses) },
      };
      const config = { registries: { here: { type: 'static' } }, services, default_service: 'greeter' };
      const sidecar = await startOutrigger(context, config, bothCpus(context));
      try {
        await farm.connected(count, LONGEST);
        return await figures(context, sidecar.port, `${sidecar.telemetry}/metrics`, count);
      } finally {
        await sidecar.child.stop();
      }
    } finally {
      await backends.stop();
      await farm.stop();
    }
  },
};

async function figures(context: Context, port: number, url: string, count: number): Promise<Figure[]> {
  await latency(context, port, null);
  const times: number[] = [];
  for (let i = 0; i < SCRAPES; i++) times.push(await scrape(url));
  // Twice in turn: what the machine does by itself comes to both.
  const without = [await latency(context, port, null)];
  const beside = [await latency(context, port, url)];
  without.push(await latency(context, port, null));
  beside.push(await latency(context, port, url));
  const figure = (name: string, value: number | null, unit: string, target = ''): Figure => ({
    name,
    value,
    unit,
    target,
  });
  const shown = ([a, b]: readonly (Latencies | null)[], of: keyof Latencies): number | null =>
    a == null || b == null ? null : (a[of] + b[of]) / 2;
  return [
    figure(`scrape of ${count} instances, median`, median(times), 'ms', 'under 100 ms'),
    figure(`scrape of ${count} instances, slowest of ${SCRAPES}`, Math.max(...times), 'ms'),
    figure('p99 of requests without scrapes', shown(without, 'p99'), 'us'),
    figure('p99 of requests with a scrape each second', shown(beside, 'p99'), 'us', 'the same'),
    figure('p99.9 of requests without scrapes', shown(without, 'p999'), 'us'),
    figure('p99.9 of requests with a scrape each second', shown(beside, 'p999'), 'us', 'the same'),
  ];
}

async function scrape(url: string): Promise<number> {
  const from = performance.now();
  const response = await fetch(url, { headers: HEADERS, signal: AbortSignal.timeout(10_000) });
  await response.arrayBuffer();
  return performance.now() - from;
}

interface Latencies {
  readonly p99: number;
  readonly p999: number;
}

/** Of a fixed rate of requests, in microseconds, while `url` is scraped each second; null when the load did not finish. */
async function latency(context: Context, port: number, url: string | null): Promise<Latencies | null> {
  const { perClient, ...shape } = LOAD;
  const load = { done: false };
  const run = runH2load(context, {
    ...shape,
    port,
    amount: { perClient, warmUp: 1, duration: context.seconds(DURATION) },
  }).finally(() => {
    load.done = true;
  });
  while (url !== null && !load.done) {
    await scrape(url);
    await Promise.race([delay(1_000), run]);
  }
  const { log, problem } = await run;
  if (problem !== null) return null;
  const durations = log.map(({ duration }) => duration).sort((a, b) => a - b);
  const [p99, p999] = [percentile(durations, 0.99), percentile(durations, 0.999)];
  return p99 === null || p999 === null ? null : { p99, p999 };
}
