import { type ClientHttp2Session, connect } from 'node:http2';
import { setTimeout as delay } from 'node:timers/promises';
import { startBackends } from '../backends/backends.ts';
import { type Etcd, startEtcd } from '../backends/etcd.ts';
import { type Farm, startFarm } from '../backends/farm.ts';
import type { Context } from '../context.ts';
import { percentile, ratio, summarize } from '../figures.ts';
import { runH2load } from '../h2load.ts';
import type { LoggedRequest } from '../h2load_output.ts';
import { startOutrigger, staticInstances } from '../peers/outrigger.ts';
import type { Figure, FigureWorkload } from './workload.ts';

/** Everything so many times: a p99 of 200 puts, or of two seconds of load, is at the mercy of whatever else happened in them. */
const REPEATS = 3;
/** In each sidecar; every put makes a version more. */
const PUTS = 200;
const CROWD = 1_000;
/** A put whose instance is not called after this long is a failure, in milliseconds. */
const PATIENCE = 5_000;
/** Load before, and after, the crowd appears, in milliseconds. */
const QUIET = 3_000;

/** How soon a change in etcd is felt, and whether a big one is felt by requests that have nothing to do with it. */
export const W7: FigureWorkload = {
  kind: 'figures',
  id: 'W7',
  group: 'W7',
  title: 'changes in a real etcd',
  byDefault: true,
  needs: { etcd: 'etcd-server', nghttpd: 'nghttp2-server', h2load: 'nghttp2-client' },
  async measure(context): Promise<Figure[]> {
    const etcd = await startEtcd(context);
    try {
      const repeats = context.options.quick ? 1 : REPEATS;
      const puts: Puts = { acknowledged: [], routed: [] };
      const crowds: Record<Route, Crowd[]> = { sidecar: [], direct: [] };
      for (let i = 0; i < repeats; i++) {
        await measurePuts(context, etcd, `/services/book-${i}/`, puts);
        for (const route of ['sidecar', 'direct'] as const) {
          crowds[route].push(await measureCrowd(context, etcd, route, `/services/crowd-${route}-${i}/`));
        }
      }
      return [...putFigures(puts), ...crowdFigures(crowds.sidecar), ...directFigures(crowds.direct)];
    } finally {
      await etcd.stop();
    }
  },
};

/** Where the load goes through. */
type Route = 'sidecar' | 'direct';

/** A record in etcd's own gRPC naming format. */
function record(address: string, version: string): string {
  return JSON.stringify({ Op: 0, Addr: address, Metadata: { version } });
}

function withEtcd(etcd: Etcd, services: object): object {
  return {
    registries: { main: { type: 'etcd', endpoints: [etcd.endpoint] }, here: { type: 'static' } },
    services,
    default_service: 'greeter',
  };
}

/** Milliseconds from each put to its acknowledgement, and to the first call of its instance. */
interface Puts {
  readonly acknowledged: number[];
  readonly routed: number[];
}

/** Each put adds an instance with a version that nobody had; requests ask for that version until one is answered. */
async function measurePuts(context: Context, etcd: Etcd, path: string, { acknowledged, routed }: Puts): Promise<void> {
  const puts = context.options.quick ? 10 : PUTS;
  const farm = await startFarm(puts + 1, 'reply');
  try {
    await etcd.put(`${path}first`, record(farm.addresses[puts] as string, 'first'));
    const services = { book: { registry: 'main', path } };
    const sidecar = await startOutrigger(
      context,
      { ...withEtcd(etcd, services), default_service: 'book' },
      context.proxyCpu,
    );
    const session = connect(`http://127.0.0.1:${sidecar.port}`);
    session.on('error', () => {}); // told by the requests that fail
    try {
      await untilAnswered(session, 'first');
      for (let i = 0; i < puts; i++) {
        // Not in step with any timer of the sidecar.
        await delay(20 + Math.random() * 40);
        const from = performance.now();
        const put = etcd.put(`${path}n${i}`, record(farm.addresses[i] as string, `n${i}`)).then(() => {
          acknowledged.push(performance.now() - from);
        });
        await untilAnswered(session, `n${i}`);
        routed.push(performance.now() - from);
        await put;
      }
    } finally {
      session.destroy();
      await sidecar.child.stop();
    }
  } finally {
    await farm.stop();
  }
}

function putFigures(puts: Puts): Figure[] {
  const [routed, acknowledged] = [summarize(puts.routed), summarize(puts.acknowledged)];
  const note = `${puts.routed.length} puts, each of an instance that must be dialed first`;
  return [
    { name: 'etcd put to first call routed by it, p50', value: routed.p50, unit: 'ms', target: '', note },
    { name: 'etcd put to first call routed by it, p99', value: routed.p99, unit: 'ms', target: 'at most 20 ms' },
    { name: '  of which etcd itself (put acknowledged), p50', value: acknowledged.p50, unit: 'ms', target: '' },
    { name: '  of which etcd itself (put acknowledged), p99', value: acknowledged.p99, unit: 'ms', target: '' },
  ];
}

/** Between two questions, in milliseconds: questions without a pause would take the CPU that answers them. */
const PAUSE = 1;

/** Asks for a version, one request after the other, until an instance answers. */
async function untilAnswered(session: ClientHttp2Session, version: string): Promise<void> {
  const deadline = Date.now() + PATIENCE;
  let last: number | string = 'nothing';
  while (Date.now() < deadline) {
    last = await ask(session, version);
    if (last === 200) return;
    await delay(PAUSE);
  }
  throw new Error(`no instance of version ${version} was called within ${PATIENCE} ms; last answer: ${last}`);
}

function ask(session: ClientHttp2Session, version: string): Promise<number | string> {
  return new Promise((resolve) => {
    const stream = session.request({ ':path': '/', 'x-version': version }, { endStream: true });
    let answer: number | string = 'reset';
    stream.on('response', (headers) => {
      answer = Number(headers[':status']);
    });
    stream.on('error', (error) => {
      answer = error.message;
    });
    stream.setTimeout(PATIENCE, () => stream.close());
    stream.on('close', () => resolve(answer));
    stream.resume();
  });
}

/**
 * W1's load on one service, while 1,000 instances of another appear in one transaction. With `direct` the load bypasses the sidecar:
 * what it feels then is that the instances accept 1,000 connections on its own CPU, which is no fault of the sidecar's.
 */
async function measureCrowd(context: Context, etcd: Etcd, route: Route, path: string): Promise<Crowd> {
  const count = context.options.quick ? 50 : CROWD;
  const backends = await startBackends(context, 'files');
  const farm = await startFarm(count, 'reply');
  try {
    const services = {
      greeter: { registry: 'here', instances: staticInstances(backends.addresses) },
      crowd: { registry: 'main', path },
    };
    const sidecar = await startOutrigger(context, withEtcd(etcd, services), context.proxyCpu);
    try {
      const [instance = ''] = backends.addresses;
      const port = route === 'sidecar' ? sidecar.port : Number(instance.split(':')[1]);
      return await appear(context, etcd, farm, path, port);
    } finally {
      await sidecar.child.stop();
    }
  } finally {
    await farm.stop();
    await backends.stop();
  }
}

interface Crowd {
  readonly count: number;
  /** Seconds from the put until all were connected to; null when that took too long. */
  readonly dialed: number | null;
  /** The p99 of the load in the seconds before the put, and from then until all were dialed, in microseconds. */
  readonly before: number | null;
  readonly meanwhile: number | null;
  readonly problem: string | null;
}

async function appear(context: Context, etcd: Etcd, farm: Farm, path: string, port: number): Promise<Crowd> {
  const quiet = context.options.quick ? 1_000 : QUIET;
  const duration = Math.ceil((2 * quiet + 2_000) / 1_000);
  const shape = { port, clients: 10, streams: 10, what: 'small', log: true } as const;
  const load = runH2load(context, { ...shape, amount: { perClient: null, warmUp: 1, duration } });
  await delay(1_000 + quiet);
  const records = new Map(farm.addresses.map((address, index) => [`${path}i${index}`, record(address, 'v1')]));
  const connected = farm.connected(farm.addresses.length, 30_000).catch(() => null);
  const putAt = epochMs();
  await etcd.putAll(records);
  const dialedAt = await connected;
  const { log, problem } = await load;
  return {
    count: farm.addresses.length,
    dialed: dialedAt === null ? null : (dialedAt - putAt) / 1_000,
    before: p99(log, putAt - quiet, putAt),
    meanwhile: p99(log, putAt, dialedAt ?? putAt + 30_000),
    problem,
  };
}

/** The crowd that made neither the most nor the least of a difference: that one counts. One of which a p99 is missing made the most. */
function middle(crowds: readonly Crowd[]): Crowd {
  const times = ({ meanwhile, before }: Crowd): number => ratio(meanwhile, before) ?? Number.MAX_VALUE;
  return crowds.toSorted((a, b) => times(a) - times(b))[crowds.length >> 1] as Crowd;
}

function crowdFigures(crowds: readonly Crowd[]): Figure[] {
  const { count, dialed, before, meanwhile } = middle(crowds);
  // What failed in any of them is told, whichever counts.
  const late = crowds.filter((crowd) => crowd.dialed === null).length;
  const lateNote = late === 0 ? {} : { note: `${late} of ${crowds.length} not within 30 s` };
  const problem = crowds.find((crowd) => crowd.problem !== null)?.problem ?? null;
  const note = problem === null ? {} : { note: problem };
  return [
    { name: `${count} instances at once: all dialed`, value: dialed, unit: 's', target: 'within 2 s', ...lateNote },
    { name: "  W1's p99 before", value: before, unit: 'us', target: '', ...note },
    { name: "  W1's p99 while they are dialed", value: meanwhile, unit: 'us', target: '' },
    { name: '  that is times', value: ratio(meanwhile, before), unit: 'x', target: 'at most 2' },
  ];
}

function directFigures(crowds: readonly Crowd[]): Figure[] {
  const { before, meanwhile } = middle(crowds);
  const note = 'what instances that accept connections do to the load on their CPU, without the sidecar between';
  return [
    {
      name: '  for load that bypasses the sidecar, times',
      value: ratio(meanwhile, before),
      unit: 'x',
      target: '',
      note,
    },
  ];
}

/** Of the requests that were under way at some moment from `from` to `to` (epoch milliseconds), in microseconds. */
function p99(log: readonly LoggedRequest[], from: number, to: number): number | null {
  const durations = log
    .filter(({ startedAt, duration }) => startedAt + duration >= from * 1_000 && startedAt <= to * 1_000)
    .map(({ duration }) => duration)
    .sort((a, b) => a - b);
  return percentile(durations, 0.99);
}

function epochMs(): number {
  return performance.timeOrigin + performance.now();
}
