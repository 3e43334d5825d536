import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { bodyFiles } from './backends/bodies.ts';
import { runChild } from './children.ts';
import type { Context } from './context.ts';
import { type H2loadSummary, type LoggedRequest, parseH2load, parseLog } from './h2load_output.ts';

/** One run of the load generator. */
export interface Load {
  readonly port: number;
  /** Over TLS. */
  readonly secure?: boolean;
  readonly clients: number;
  readonly streams: number;
  /** The small call as gRPC makes it, or the large file. */
  readonly what: 'small' | 'large';
  /** So many requests, or so many per second and client for a time (seconds). */
  readonly amount:
    | { readonly requests: number }
    | { readonly perClient: number | null; readonly warmUp: number; readonly duration: number };
  /** Keep the start and duration of every request. That costs the generator a write each. */
  readonly log: boolean;
}

export interface LoadResult {
  /** Null when the run did not finish. */
  readonly summary: H2loadSummary | null;
  readonly log: readonly LoggedRequest[];
  /** Why there is no summary. */
  readonly problem: string | null;
}

/** Beyond this, a run by number of requests is given up, in milliseconds. */
const LONGEST = 120_000;
let logs = 0;

/** Runs h2load with one thread, the headers of a gRPC call and `x-version: v1`. */
export async function runH2load(context: Context, load: Load): Promise<LoadResult> {
  const { clients, streams, amount } = load;
  const files = bodyFiles(context);
  const logFile = join(context.directory, `h2load-${++logs}.log`);
  const args = ['-t1', '-c', String(clients), '-m', String(streams), '-H', 'x-version: v1'];
  args.push('-H', 'content-type: application/grpc', '-H', 'te: trailers');
  let longest = LONGEST;
  if ('requests' in amount) args.push('-n', String(Math.max(amount.requests, clients)));
  else {
    args.push('-D', String(amount.duration), `--warm-up-time=${amount.warmUp}`);
    if (amount.perClient !== null) args.push(`--rps=${amount.perClient}`);
    longest = (amount.duration + amount.warmUp) * 1_000 + 30_000;
  }
  if (load.what === 'small') args.push('-d', files.request);
  // Windows as a client with large answers has them; h2load's own are boundless.
  else args.push('-w', '20', '-W', '24');
  if (load.log) args.push(`--log-file=${logFile}`);
  args.push(
    `${load.secure ? 'https' : 'http'}://127.0.0.1:${load.port}${load.what === 'small' ? files.smallPath : files.largePath}`,
  );

  const { code, output } = await runChild('h2load', 'h2load', args, longest);
  const log = load.log ? readLog(logFile) : [];
  if (code === null) return { summary: null, log, problem: `did not finish in ${longest / 1_000} s` };
  const summary = parseH2load(output);
  return { summary, log, problem: summary === null ? `h2load ended with ${code}: ${output.slice(-200)}` : null };
}

function readLog(file: string): LoggedRequest[] {
  try {
    const text = readFileSync(file, 'utf8');
    rmSync(file);
    return parseLog(text);
  } catch {
    return [];
  }
}
