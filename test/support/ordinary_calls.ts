/**
 * An app that does nothing wrong, as a process of its own:
 *
 *     node test/support/ordinary_calls.ts 127.0.0.1:15001 echo
 *
 * It makes calls of several kinds without a pause to speak of, on connections of its own, until SIGTERM; then it prints one JSON line:
 * how many there were, how long the slowest took, and what became of the first that failed.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { connectEcho, type Outcome } from './echo_client.ts';

/** What an ordinary app made of its calls. */
export interface OrdinaryCalls {
  readonly calls: number;
  readonly failed: number;
  /** The first few failures, in words. */
  readonly failures: readonly string[];
  readonly slowestMs: number;
}

/** Calls at the same time, each on a connection of its own. */
const PARALLEL = 4;
const PAUSE_MS = 5;
const DEADLINE_MS = 30_000;
const TOLD = 10;

if (process.argv[1] === import.meta.filename) {
  const [address, service] = process.argv.slice(2);
  if (address === undefined) throw new Error('usage: ordinary_calls.ts ADDRESS SERVICE');
  let stopped = false;
  process.once('SIGTERM', () => {
    stopped = true;
  });
  let calls = 0;
  let failed = 0;
  let slowestMs = 0;
  const failures: string[] = [];
  const large = Buffer.alloc(40_000, 7);

  const run = async (): Promise<void> => {
    const client = connectEcho(address, service);
    const kinds: (() => Promise<[Outcome, boolean]>)[] = [
      async () => {
        const outcome = await client.unary('ping', { deadlineMs: DEADLINE_MS });
        return [outcome, outcome.replies[0]?.payload.toString() === 'ping'];
      },
      async () => {
        const outcome = await client.unary(large, { deadlineMs: DEADLINE_MS });
        return [outcome, outcome.replies[0]?.payload.equals(large) === true];
      },
      async () => {
        const metadata = [['echo-replies', '5']] as const;
        const outcome = await client.serverStream('part', { deadlineMs: DEADLINE_MS, metadata });
        return [outcome, outcome.replies.length === 5];
      },
      async () => {
        const outcome = await client.bidi(['one', 'two'], { deadlineMs: DEADLINE_MS });
        return [outcome, outcome.replies.length === 2];
      },
    ];
    for (let i = 0; !stopped; i++) {
      const startedAt = performance.now();
      const [outcome, whole] = await (kinds[i % kinds.length] as (typeof kinds)[0])();
      calls++;
      slowestMs = Math.max(slowestMs, Math.round(performance.now() - startedAt));
      if (outcome.code !== 0 || !whole) {
        failed++;
        const when = new Date().toISOString();
        if (failures.length < TOLD)
          failures.push(`${when} ${outcome.code} ${outcome.details}${whole ? '' : ' (not whole)'}`);
      }
      if (calls === PARALLEL) console.log('calling');
      await sleep(PAUSE_MS);
    }
    client.close();
  };
  await Promise.all(Array.from({ length: PARALLEL }, run));
  const result: OrdinaryCalls = { calls, failed, failures, slowestMs };
  console.log(JSON.stringify(result));
}
