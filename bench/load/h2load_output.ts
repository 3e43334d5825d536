import { type Latency, summarize } from './figures.ts';

/** What h2load prints at the end of a run. */
export interface H2loadSummary {
  readonly seconds: number;
  readonly requestsPerSecond: number;
  readonly done: number;
  /** Failed, errored and timed-out requests, and those answered with anything but 2xx. */
  readonly failed: number;
  /** Microseconds. */
  readonly mean: number;
  readonly max: number;
}

const SCALE: Readonly<Record<string, number>> = { us: 1, ms: 1_000, s: 1_000_000, m: 60_000_000, h: 3_600_000_000 };

/** `12.3ms` as microseconds; NaN when it is no duration of h2load's. */
function microseconds(text: string): number {
  const match = /^([\d.]+)(us|ms|s|m|h)$/.exec(text);
  return match === null ? Number.NaN : Number(match[1]) * (SCALE[match[2] as string] as number);
}

/** Reads h2load's report; null when there is none, because it was ended or could not start. */
export function parseH2load(output: string): H2loadSummary | null {
  const finished = /^finished in ([\d.]+(?:us|ms|s|m|h)), ([\d.]+) req\/s/m.exec(output);
  const requests =
    /^requests: (\d+) total, \d+ started, (\d+) done, \d+ succeeded, (\d+) failed, (\d+) errored, (\d+) timeout/m.exec(
      output,
    );
  const codes = /^status codes: \d+ 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx/m.exec(output);
  const times = /^time for request: +(\S+) +(\S+) +(\S+)/m.exec(output);
  if (finished === null || requests === null || codes === null || times === null) return null;
  const count = (match: RegExpExecArray, index: number): number => Number(match[index]);
  // 4xx and 5xx are among the failed ones, 3xx are not. "2xx" is no use: in a run by time it counts requests of the warm-up, too.
  const unfinished = count(requests, 4) + count(requests, 5);
  const wrong = count(codes, 1) + count(codes, 2) + count(codes, 3);
  return {
    seconds: microseconds(finished[1] as string) / 1_000_000,
    requestsPerSecond: Number(finished[2]),
    done: count(requests, 2),
    failed: Math.max(count(requests, 3), unfinished, wrong),
    mean: microseconds(times[3] as string),
    max: microseconds(times[2] as string),
  };
}

/** One request in the file of `h2load --log-file`. */
export interface LoggedRequest {
  /** Microseconds since the epoch. */
  readonly startedAt: number;
  /** -1 for a request that failed. */
  readonly status: number;
  /** Microseconds. */
  readonly duration: number;
}

/** Reads a log: start, status and duration per line, separated by tabs. A line that was cut off is left out. */
export function parseLog(text: string): LoggedRequest[] {
  const requests: LoggedRequest[] = [];
  for (const line of text.split('\n')) {
    const [startedAt, status, duration] = line.split('\t');
    if (duration === undefined || duration === '') continue;
    requests.push({ startedAt: Number(startedAt), status: Number(status), duration: Number(duration) });
  }
  return requests;
}

/** The latency of the requests that were answered. */
export function latencyOf(requests: readonly LoggedRequest[]): Latency {
  return summarize(requests.filter(({ status }) => status > 0).map(({ duration }) => duration));
}
