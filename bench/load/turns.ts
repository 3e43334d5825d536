import { cpuSeconds, residentMb } from './accounting.ts';
import { startBackends } from './backends/backends.ts';
import { benchCertificate } from './certificate.ts';
import type { Context } from './context.ts';
import { type Latency, median } from './figures.ts';
import { outrigger } from './peers/outrigger.ts';
import type { Peer, RunningPeer, StartOptions } from './peers/peer.ts';
import { failedRun, type LoadTarget, type RequestWorkload, type Run } from './workloads/workload.ts';

/** One measured run of one proxy. */
export interface Sample {
  readonly run: Run;
  /** CPU time per request in microseconds; null without a process to account for, or without requests. */
  readonly cpu: number | null;
  readonly residentMb: number | null;
}

/** All runs of one proxy in one workload. */
export interface Row {
  readonly workload: string;
  readonly name: string;
  readonly samples: readonly Sample[];
  /** Medians over the runs that count; null when none does. */
  readonly middle: Middle | null;
  readonly failed: number;
  /** Why runs do not count, and what else there is to know; each once. */
  readonly notes: readonly string[];
}

export interface Middle {
  readonly cpu: number | null;
  readonly perSecond: number | null;
  readonly latency: Latency;
  readonly residentMb: number | null;
}

/** A proxy that takes part. */
interface Player {
  readonly name: string;
  readonly share: number;
  readonly running: RunningPeer;
  readonly samples: Sample[];
}

/** A proxy that fails this often gets no more turns in a workload: they would only cost time. */
const MOST_FAILURES = 2;

/** Runs one workload for Outrigger and the peers in turns, A B C A B C: what the machine does meanwhile hits all alike. */
export async function runInTurns(context: Context, workload: RequestWorkload, peers: readonly Peer[]): Promise<Row[]> {
  const players: Player[] = [];
  const idle: Pick<Player, 'name' | 'samples'>[] = [];
  const backends = await startBackends(context, workload.backends);
  try {
    for (const start of casts(context, workload, peers)) {
      const running = await startPlayer(context, backends.addresses, start);
      if (typeof running === 'string') idle.push({ name: start.name, samples: [notMeasured(running)] });
      else players.push({ name: start.name, share: start.peer.share, running, samples: [] });
    }
    for (const player of players) await workload.warmUp(context, targetOf(player));
    for (let round = 1; round <= context.options.rounds; round++) {
      for (const player of players) {
        if (player.samples.filter(({ run }) => run.problem !== null).length >= MOST_FAILURES) continue;
        const sample = await oneRun(context, workload, player);
        player.samples.push(sample);
        context.say(`${workload.id} round ${round} ${player.name}: ${progress(workload, sample)}`);
      }
    }
  } finally {
    await Promise.all(players.map(({ running }) => running.stop()));
    await backends.stop();
  }
  return [...players, ...idle].map((player) => rowOf(workload.id, player));
}

function casts(context: Context, workload: RequestWorkload, peers: readonly Peer[]) {
  const { proxyCpu, loadCpu } = context;
  const tls = workload.secure ? benchCertificate(context) : null;
  const everywhere = proxyCpu === loadCpu ? proxyCpu : `${loadCpu},${proxyCpu}`;
  const ours = workload.variants.map(({ name, workers, everywhere: all, config = {} }) => ({
    name,
    peer: outrigger,
    options: { workers, config, cpus: all ? everywhere : proxyCpu, tls },
  }));
  const theirs = workload.withPeers
    ? peers.filter((peer) => peer.excluded(workload.id) === null && (!workload.secure || peer.terminatesTls === true))
    : [];
  return [...ours, ...theirs.map((peer) => ({ name: peer.name, peer, options: { workers: 1, cpus: proxyCpu, tls } }))];
}

/** Starts a proxy; gives the reason when it cannot be, which is no reason to measure none of the others, unless it is our own. */
async function startPlayer(
  context: Context,
  backends: readonly string[],
  { peer, options }: { readonly peer: Peer; readonly options: StartOptions },
): Promise<RunningPeer | string> {
  try {
    return await peer.start(context, backends, options);
  } catch (error) {
    if (peer === outrigger) throw error;
    return `could not be started: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function notMeasured(problem: string): Sample {
  return { run: failedRun(problem), cpu: null, residentMb: null };
}

function targetOf({ running, share }: Player): LoadTarget {
  return { port: running.port, share };
}

async function oneRun(context: Context, workload: RequestWorkload, player: Player): Promise<Sample> {
  const { pid } = player.running;
  const target = targetOf(player);
  const before = pid === null ? 0 : cpuSeconds(pid);
  let run = await workload.run(context, target);
  const used = pid === null ? null : cpuSeconds(pid) - before;
  const resident = pid === null ? null : residentMb(pid);
  if (workload.percentiles !== null && run.problem === null) {
    const second = await workload.percentiles(context, target);
    if (second.problem !== null) run = failedRun(second.problem);
    else {
      const { p50, p99, p999 } = second.latency;
      run = { ...run, latency: { ...run.latency, p50, p99, p999 } };
    }
  }
  const cpu = used === null || run.worked === 0 ? null : (used * 1_000_000) / run.worked;
  return { run, cpu, residentMb: resident };
}

function progress(workload: RequestWorkload, { run, cpu }: Sample): string {
  if (run.problem !== null) return `does not count: ${run.problem}`;
  const cost = cpu === null ? '' : `${(cpu / workload.unit.divisor).toFixed(2)} ${workload.unit.name}, `;
  const note = run.note === null ? '' : `, ${run.note}`;
  return `${cost}${Math.round(run.perSecond ?? 0)}/s${note}`;
}

/** Sums up what one proxy showed. */
export function rowOf(workload: string, player: { name: string; samples: readonly Sample[] }): Row {
  const { name, samples } = player;
  const counted = samples.filter(({ run }) => run.problem === null);
  const of = (figure: (sample: Sample) => number | null): number | null =>
    median(counted.map(figure).filter((value) => value !== null));
  const latency: Latency = {
    mean: of(({ run }) => run.latency.mean),
    p50: of(({ run }) => run.latency.p50),
    p99: of(({ run }) => run.latency.p99),
    p999: of(({ run }) => run.latency.p999),
    max: of(({ run }) => run.latency.max),
  };
  const middle = {
    cpu: of(({ cpu }) => cpu),
    perSecond: of(({ run }) => run.perSecond),
    latency,
    residentMb: of(({ residentMb: resident }) => resident),
  };
  const lost = samples.length - counted.length;
  const notes = new Set(samples.flatMap(({ run }) => [run.problem, run.note]).filter((note) => note !== null));
  if (lost > 0 && counted.length > 0) notes.add(`${lost} of ${samples.length} runs do not count`);
  return {
    workload,
    name,
    samples,
    middle: counted.length === 0 ? null : middle,
    failed: samples.reduce((sum, { run }) => sum + run.failed, 0),
    notes: [...notes],
  };
}
