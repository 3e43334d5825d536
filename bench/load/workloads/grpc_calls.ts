import { runChild } from '../children.ts';
import type { Latency } from '../figures.ts';
import { ALONE, failedRun, type LoadTarget, type RequestWorkload, type Run, WARM_UP_REQUESTS } from './workload.ts';

const SCRIPT = new URL('../clients/grpc_client_process.ts', import.meta.url).pathname;
const LONGEST = 120_000;

interface ClientReport {
  readonly done: number;
  readonly failed: number;
  readonly seconds: number;
  readonly latency: Latency;
  readonly lastError: string;
}

/**
 * Calls of a real client, whose header blocks all differ. The client is far slower than any proxy, so requests per second are
 * the client's: what counts here is the CPU time of the proxy.
 */
function grpcCalls(mode: 'unary' | 'stream', count: number, unit: string): RequestWorkload {
  const call = async ({ port }: LoadTarget, calls: number): Promise<Run> => {
    const args = [SCRIPT, String(port), mode, String(calls)];
    const { code, output } = await runChild('gRPC client', process.execPath, args, LONGEST);
    const line = /^\{.*\}$/m.exec(output)?.[0];
    if (code === null) return failedRun(`did not finish in ${LONGEST / 1_000} s`);
    if (line === undefined) return failedRun(`the client ended with ${code}: ${output.slice(-200)}`);
    const { done, failed, seconds, latency, lastError } = JSON.parse(line) as ClientReport;
    const problem = failed === 0 ? null : `${failed} calls failed: ${lastError}`;
    return { done, worked: done, failed, perSecond: done / seconds, latency, problem, note: null };
  };
  return {
    kind: 'requests',
    id: `W5-${mode}`,
    group: 'W5',
    title: `grpc-js, ${mode === 'unary' ? 'unary calls' : 'messages on long bidirectional streams'} of 1 KiB, headers always new`,
    byDefault: true,
    unit: { name: unit, divisor: 1 },
    backends: 'echo',
    variants: ALONE,
    withPeers: true,
    targets: ['CPU at most 1.0 x haproxy'],
    warmUp: (context, target) => call(target, context.count(WARM_UP_REQUESTS)),
    run: (context, target) => call(target, context.count(count)),
    percentiles: null,
  };
}

export const W5: readonly RequestWorkload[] = [
  grpcCalls('unary', 20_000, 'us/call'),
  grpcCalls('stream', 60_000, 'us/message'),
];
