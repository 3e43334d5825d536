/**
 * A real gRPC client (grpc-js): `node grpc_client_process.ts PORT unary|stream COUNT`. Each call has metadata and a deadline of its
 * own, as calls in production have, so no header block is like the one before; messages have 1 KiB. `unary` makes COUNT calls, 20
 * at a time; `stream` sends COUNT messages over 10 long bidirectional streams, 8 in flight on each. Ends by printing one line of JSON.
 */
import { randomBytes } from 'node:crypto';
import * as grpc from '@grpc/grpc-js';
import { summarize } from '../figures.ts';
import { endWithParent } from '../parent.ts';

const MESSAGE = Buffer.alloc(1024, 'm');
const CALLS_AT_ONCE = 20;
const STREAMS = 10;
const MESSAGES_IN_FLIGHT = 8;

endWithParent();
const [port, mode, wanted] = process.argv.slice(2) as [string, 'unary' | 'stream', string];
const count = Number(wanted);
const same = (message: Buffer): Buffer => message;
const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), {
  'grpc.default_authority': 'greeter',
  'grpc.enable_retries': 0,
  'grpc.enable_http_proxy': 0,
});

/** What every call carries: the version, and ids that no other call has. */
function metadata(): grpc.Metadata {
  const own = new grpc.Metadata();
  own.set('x-version', 'v1');
  own.set('x-request-id', randomBytes(8).toString('hex'));
  own.set('traceparent', `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`);
  return own;
}

const durations = new Float64Array(count);
let started = 0;
let done = 0;
let failed = 0;
let lastError = '';

function finished(from: number, error: Error | null): void {
  if (error === null) durations[done++] = (performance.now() - from) * 1_000;
  else {
    failed++;
    lastError = error.message;
  }
}

/** One call after the other until there are enough. */
async function callInTurn(): Promise<void> {
  while (started < count) {
    started++;
    const from = performance.now();
    // 5 to 60 seconds, in milliseconds: `grpc-timeout` is hardly ever the same twice.
    const deadline = Date.now() + 5_000 + Math.floor(Math.random() * 55_000);
    await new Promise<void>((resolve) => {
      client.makeUnaryRequest('/bench.Echo/Call', same, same, MESSAGE, metadata(), { deadline }, (error, reply) => {
        finished(from, error ?? (reply?.length === MESSAGE.length ? null : new Error('not what was sent')));
        resolve();
      });
    });
  }
}

/** One stream with a few messages on the way at a time, until `share` of them have come back. */
function stream(share: number): Promise<void> {
  return new Promise((resolve) => {
    const deadline = Date.now() + 600_000 + Math.floor(Math.random() * 60_000);
    const call = client.makeBidiStreamRequest('/bench.Echo/Stream', same, same, metadata(), { deadline });
    const sentAt: number[] = [];
    let sent = 0;
    let returned = 0;
    const send = (): void => {
      if (sent === share) return;
      sent++;
      sentAt.push(performance.now());
      call.write(MESSAGE);
    };
    call.on('data', () => {
      returned++;
      finished(sentAt.shift() as number, null);
      if (returned === share) call.end();
      else send();
    });
    call.on('error', (error) => {
      lastError = error.message;
    });
    call.on('status', () => {
      failed += share - returned;
      resolve();
    });
    for (let i = 0; i < MESSAGES_IN_FLIGHT; i++) send();
  });
}

await new Promise<void>((resolve, reject) => {
  client.waitForReady(Date.now() + 10_000, (error) => (error === undefined ? resolve() : reject(error)));
});
const from = performance.now();
if (mode === 'unary') await Promise.all(Array.from({ length: CALLS_AT_ONCE }, () => callInTurn()));
else {
  const share = Math.floor(count / STREAMS);
  await Promise.all(
    Array.from({ length: STREAMS }, (_, index) => stream(index === 0 ? count - (STREAMS - 1) * share : share)),
  );
}
const seconds = (performance.now() - from) / 1_000;
client.close();

const latency = summarize(durations.subarray(0, done));
process.stdout.write(`${JSON.stringify({ done, failed, seconds, latency, lastError })}\n`);
process.exit(0);
