import type { Context } from '../context.ts';
import { type Load, type LoadResult, runH2load } from '../h2load.ts';
import { latencyOf } from '../h2load_output.ts';
import {
  ALONE,
  failedRun,
  type LoadTarget,
  PER_REQUEST,
  type RequestWorkload,
  type Run,
  type Variant,
  WARM_UP_REQUESTS,
} from './workload.ts';

interface Shape {
  readonly id: string;
  readonly title: string;
  readonly clients: number;
  readonly streams: number;
  readonly what: Load['what'];
  /** Of a run for the fastest peers; slower ones get their share. */
  readonly requests: number;
  readonly targets: readonly string[];
  readonly variants?: readonly Variant[];
  readonly unit?: RequestWorkload['unit'];
  readonly secure?: boolean;
}

/** As many requests as the proxy can answer: h2load sends the next one when an answer has come. */
function closedLoop(shape: Shape): RequestWorkload {
  const { id, title, targets, unit = PER_REQUEST, variants = ALONE, secure = false } = shape;
  const load = (target: LoadTarget, requests: number, log: boolean): Load => ({
    port: target.port,
    secure,
    clients: shape.clients,
    streams: shape.streams,
    what: shape.what,
    amount: { requests },
    log,
  });
  const requests = (context: Context, target: LoadTarget, part: number): number =>
    Math.max(shape.clients, Math.round(context.count(shape.requests) * target.share * part));
  const warmUpRequests = (context: Context, target: LoadTarget): number => {
    // Large answers take their time, and are other code.
    const least = shape.what === 'large' ? 0 : Math.round(context.count(WARM_UP_REQUESTS) * target.share);
    return Math.max(requests(context, target, 1 / 3), least);
  };
  return {
    kind: 'requests',
    id,
    group: id,
    title,
    byDefault: true,
    unit,
    backends: 'files',
    variants,
    withPeers: shape.variants === undefined,
    secure,
    targets,
    warmUp: (context, target) => runH2load(context, load(target, warmUpRequests(context, target), false)),
    run: async (context, target) => toRun(await runH2load(context, load(target, requests(context, target, 1), false))),
    percentiles: async (context, target) =>
      toRun(await runH2load(context, load(target, requests(context, target, 1 / 3), true))),
  };
}

function toRun({ summary, log, problem }: LoadResult): Run {
  if (summary === null) return failedRun(problem ?? 'h2load said nothing');
  const { done, failed, requestsPerSecond, mean, max } = summary;
  const latency = { ...latencyOf(log), mean, max };
  const lost = failed === 0 ? null : `${failed} requests failed`;
  return { done, worked: done, failed, perSecond: requestsPerSecond, latency, problem: lost, note: null };
}

const BOTH_CPUS: readonly Variant[] = [
  { name: 'outrigger', workers: 1, everywhere: true },
  { name: 'outrigger x2', workers: 2, everywhere: true },
];

export const W1 = closedLoop({
  id: 'W1',
  title: '10 connections x 10 streams, 64 octets',
  clients: 10,
  streams: 10,
  what: 'small',
  requests: 300_000,
  targets: ['CPU at most 0.75 x nghttpx, 0.4 x haproxy, 0.12 x node-http2'],
});

export const W1T = closedLoop({
  id: 'W1T',
  title: 'W1 over TLS: clients connect with it, instances are plain',
  clients: 10,
  streams: 10,
  what: 'small',
  requests: 200_000,
  targets: ['CPU at most 1.0 x nghttpx, 0.5 x haproxy, each terminating TLS'],
  secure: true,
});

/** Nothing is kept: what a disk does is not ours. */
const LOG_ALL = { access_log: { mode: 'all', file: '/dev/null' } };

export const W1L = closedLoop({
  id: 'W1L',
  title: 'W1 with an access log of all requests, beside none',
  clients: 10,
  streams: 10,
  what: 'small',
  requests: 300_000,
  targets: ['the CPU of the second line beside the first: what a line of the log costs'],
  variants: [
    { name: 'outrigger', workers: 1, everywhere: false },
    { name: 'outrigger +log', workers: 1, everywhere: false, config: LOG_ALL },
  ],
});

export const W2 = closedLoop({
  id: 'W2',
  title: 'one request at a time, 64 octets',
  clients: 1,
  streams: 1,
  what: 'small',
  requests: 20_000,
  targets: ['mean, p99 and CPU at most 1.0 x nghttpx and haproxy'],
});

export const W3 = closedLoop({
  id: 'W3',
  title: '100 connections x 100 streams to instances that take 100 streams each',
  clients: 100,
  streams: 100,
  what: 'small',
  requests: 300_000,
  targets: ['no failures; CPU at most 1.0 x nghttpx, 0.35 x haproxy'],
});

export const W4 = closedLoop({
  id: 'W4',
  title: '4 connections x 2 streams, answers of 1 MiB',
  clients: 4,
  streams: 2,
  what: 'large',
  requests: 2_000,
  targets: ['CPU at most 1.0 x nghttpx'],
  unit: { name: 'ms/MB', divisor: 1_000 },
});

export const W9 = closedLoop({
  id: 'W9',
  title: 'W1 with one worker and with two, both on both CPUs',
  clients: 10,
  streams: 10,
  what: 'small',
  requests: 300_000,
  targets: ['CPU per request of two workers within 10% of one'],
  variants: BOTH_CPUS,
});
