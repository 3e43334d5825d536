import { setTimeout as sleep } from 'node:timers/promises';
import * as grpc from '@grpc/grpc-js';
import test from 'ava';
import { connectEcho, type EchoClient } from '../support/echo_client.ts';
import { eventually } from '../support/eventually.ts';
import { type GrpcProcess, startGrpcProcess } from '../support/grpc_process.ts';
import { type Sidecar, startSidecar } from '../support/sidecar.ts';

const MB = 1024 * 1024;
/** What a stream may make the sidecar hold beyond its idle memory: far above any window, far below what is sent. */
const ALLOWED = 64 * MB;
/** What the fast side offers. */
const MESSAGES = 400;
const MESSAGE = 1 * MB;

let server: GrpcProcess;
let sidecar: Sidecar;
let client: EchoClient;

test.before(async () => {
  server = await startGrpcProcess();
  sidecar = await startSidecar({
    registries: { here: { type: 'static' } },
    services: { echo: { registry: 'here', instances: [{ address: server.address }] } },
  });
  await sidecar.untilReady('echo', 1);
  client = connectEcho(sidecar.address);
  // Memory that one large call needs anyway is not what is measured here.
  for (let i = 0; i < 5; i++) await client.unary(Buffer.alloc(4 * MB));
});

test.after.always(async () => {
  client?.close();
  await sidecar?.kill();
  await server?.kill();
});

const mb = (octets: number) => Math.round(octets / MB);

/** The largest resident memory seen while `during` goes on. */
async function peakRss(during: Promise<unknown>): Promise<number> {
  let going = true;
  let peak = 0;
  const watching = (async () => {
    while (going) {
      peak = Math.max(peak, sidecar.rss());
      await sleep(20);
    }
  })();
  await during;
  going = false;
  await watching;
  return peak;
}

function metadata(pairs: Record<string, string>): grpc.Metadata {
  const made = new grpc.Metadata();
  for (const [key, value] of Object.entries(pairs)) made.set(key, value);
  return made;
}

test.serial(
  'a client that stops reading stops the instance; memory stays bounded; the rest arrives when it reads on',
  async (t) => {
    const idle = sidecar.rss();
    const call = client.raw.ServerStream(
      { payload: Buffer.alloc(0) },
      metadata({ 'echo-replies': String(MESSAGES), 'echo-reply-bytes': String(MESSAGE), 'echo-id': 'slow reader' }),
      {},
    );
    let received = 0;
    const ended = new Promise<number>((resolve) => call.on('status', (status) => resolve(status.code)));
    call.on('error', () => {});
    const first = new Promise<void>((resolve) => {
      call.on('data', (reply: { payload: Buffer }) => {
        received += reply.payload.length;
        call.pause();
        resolve();
      });
    });
    await first;
    // The instance has 400 MB ready: what it gets rid of while nobody reads is what somebody buffers.
    const peak = await peakRss(sleep(2_000));
    t.true(peak - idle < ALLOWED, `grew by ${mb(peak - idle)} MB while ${received} octets were read`);
    t.is((await client.seen('slow reader')).finished, 0, 'the instance must be held back, not drained into memory');
    // Other streams of the same two connections go on meanwhile.
    t.is((await client.unary('x', { deadlineMs: 10_000 })).code, 0);
    call.removeAllListeners('data');
    call.on('data', (reply: { payload: Buffer }) => {
      received += reply.payload.length;
    });
    call.resume();
    const whole = await peakRss(ended);
    t.log(`idle ${mb(idle)}, paused ${mb(peak)}, read to the end ${mb(whole)} MB`);
    t.is(await ended, 0);
    t.is(received, MESSAGES * MESSAGE);
    t.true(whole - idle < ALLOWED, `grew by ${mb(whole - idle)} MB while the rest was read`);
  },
);

test.serial('an instance that reads slowly slows the client down; memory stays bounded', async (t) => {
  const idle = sidecar.rss();
  const call = client.raw.ClientStream(metadata({ 'echo-read-ms': '60000', 'echo-id': 'slow instance' }), {}, () => {});
  call.on('error', () => {});
  let written = 0;
  const payload = Buffer.alloc(MESSAGE);
  const write = () => {
    while (written < MESSAGES) {
      written++;
      if (!call.write({ payload })) {
        call.once('drain', write);
        return;
      }
    }
  };
  write();
  const peak = await peakRss(sleep(2_000));
  t.true(peak - idle < ALLOWED, `grew by ${mb(peak - idle)} MB after ${written} MB were offered`);
  t.true(written < MESSAGES / 2, `the client was held back, but could write ${written} MB`);
  call.cancel();
  await eventually(async () => (await client.seen('slow instance')).cancelled === 1);
});

test.serial('many paused streams share the bound of their connections', async (t) => {
  const idle = sidecar.rss();
  const calls = Array.from({ length: 50 }, () => {
    const call = client.raw.ServerStream(
      { payload: Buffer.alloc(0) },
      metadata({ 'echo-replies': '100', 'echo-reply-bytes': String(MESSAGE) }),
      {},
    );
    call.on('error', () => {});
    call.on('data', () => call.pause());
    return call;
  });
  const peak = await peakRss(sleep(2_000));
  t.true(peak - idle < 2 * ALLOWED, `grew by ${mb(peak - idle)} MB with 50 streams of 100 MB each`);
  for (const call of calls) call.cancel();
  const after = connectEcho(sidecar.address);
  t.is((await after.unary('x', { deadlineMs: 10_000 })).code, 0, 'the instance is still reachable');
  after.close();
});
