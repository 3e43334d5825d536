import { type Load, runH2load } from '../h2load.ts';
import { latencyOf } from '../h2load_output.ts';
import { ALONE, failedRun, PER_REQUEST, type RequestWorkload, WARM_UP_REQUESTS } from './workload.ts';

const CLIENTS = 20;
const STREAMS = 10;
/** Seconds. The warm-up is not reported, but costs CPU like the rest. */
const WARM_UP = 2;
const DURATION = 6;
/** Below this share of the rate that was asked for, latency says nothing: the load waited instead of the requests. */
const REACHED = 0.98;

/** A fixed number of requests per second in all: how long does each take while the proxy is not busy all the time? */
function fixedRate(id: string, rate: number): RequestWorkload {
  const load = (port: number, duration: number): Load => ({
    port,
    clients: CLIENTS,
    streams: STREAMS,
    what: 'small',
    amount: { perClient: rate / CLIENTS, warmUp: WARM_UP, duration },
    log: true,
  });
  return {
    kind: 'requests',
    id,
    group: 'W2b',
    title: `${rate.toLocaleString('en')} requests/s over ${CLIENTS} connections, 64 octets`,
    byDefault: true,
    unit: PER_REQUEST,
    backends: 'files',
    variants: ALONE,
    withPeers: true,
    targets: ['p50, p99 and p99.9 at most 1.0 x nghttpx'],
    warmUp: (context, { port, share }) =>
      runH2load(context, {
        ...load(port, 0),
        amount: { requests: Math.round(context.count(WARM_UP_REQUESTS) * share) },
        log: false,
      }),
    async run(context, { port }) {
      const duration = context.seconds(DURATION);
      const { summary, log, problem } = await runH2load(context, load(port, duration));
      if (summary === null) return failedRun(problem ?? 'h2load said nothing');
      const { done, failed } = summary;
      const perSecond = done / duration;
      const reached = perSecond >= rate * REACHED;
      return {
        done,
        worked: Math.round((done * (duration + WARM_UP)) / duration),
        failed,
        perSecond,
        latency: latencyOf(log),
        problem: failed === 0 ? null : `${failed} requests failed`,
        note: reached ? null : `reached ${Math.round(perSecond)}/s`,
      };
    },
    percentiles: null,
  };
}

export const W2B: readonly RequestWorkload[] = [
  fixedRate('W2b-1k', 1_000),
  fixedRate('W2b-10k', 10_000),
  fixedRate('W2b-40k', 40_000),
];
