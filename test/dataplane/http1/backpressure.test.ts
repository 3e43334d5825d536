import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { eventually } from '../../support/eventually.ts';
import { ask, RawClient } from '../../support/http1_client.ts';
import { startHttp1Instance } from '../../support/http1_instance.ts';
import { askHttp2, http2Client } from '../../support/http2_client.ts';
import { startPlane } from '../../support/plane.ts';
import { startInstance } from '../../support/plane_instance.ts';

const HTTP1 = { protocol: 'http/1.1' } as const;
const MEGABYTE = Buffer.alloc(1024 * 1024, 'abcdefghij');
/**
 * What may lie between a sender and a receiver that does not read: windows, socket buffers of the kernel on both sides and of Node. Much less
 * than what the tests try to send.
 */
const IN_BETWEEN = 24 * 1024 * 1024;
const HUGE = 64 * 1024 * 1024;

/** Waits until `count` has stopped growing and gives it. */
async function settled(count: () => number): Promise<number> {
  let before = -1;
  await eventually(async () => {
    const now = count();
    const still = now === before && now > 0;
    before = now;
    if (!still) await delay(200);
    return still;
  }, 30_000);
  return count();
}

function portOf(address: string): number {
  return Number(address.split(':')[1]);
}

/** Sends as much as `socket` takes, and counts. */
function flood(write: (piece: Buffer) => boolean, onDrain: (again: () => void) => void): { sent: number } {
  const counter = { sent: 0 };
  const piece = Buffer.alloc(64 * 1024, 'x');
  const go = (): void => {
    while (counter.sent < HUGE) {
      counter.sent += piece.length;
      if (!write(piece)) return onDrain(go);
    }
  };
  go();
  return counter;
}

test('a megabyte arrives whole in both directions, over every pair of protocols', async (t) => {
  const plane = await startPlane(t);
  const one = await startHttp1Instance(t, (req, res) => void req.pipe(res));
  const two = await startInstance(t, {
    ended: (received) => {
      received.headers([':status', '200']);
      received.data(received.body, true);
    },
  });
  await plane.serve('one', [one], HTTP1);
  await plane.serve('two', [two]);
  const session = http2Client(t, plane.address);
  const post = { method: 'POST', body: MEGABYTE } as const;
  const chunked = { headers: { 'transfer-encoding': 'chunked' } };
  for (const host of ['one', 'two']) {
    t.true((await ask(plane.address, host, post)).body.equals(MEGABYTE), host);
    t.true((await ask(plane.address, host, { ...post, ...chunked })).body.equals(MEGABYTE), `${host}, chunked`);
    t.true((await askHttp2(session, host, { ':method': 'POST' }, MEGABYTE)).body.equals(MEGABYTE), `${host}, HTTP/2`);
  }
  // And of a request whose body http2-proxy would throw away.
  t.true((await ask(plane.address, 'one', { body: MEGABYTE })).body.equals(MEGABYTE));
});

test('an instance that does not read stops the client, and gets everything in the end', async (t) => {
  const plane = await startPlane(t);
  let incoming: IncomingMessage | null = null;
  let received = 0;
  const instance = await startHttp1Instance(t, (req, res) => {
    incoming = req.pause();
    req.on('end', () => res.end(String(received)));
  });
  await plane.serve('one', [instance], HTTP1);
  for (const method of ['PUT', 'GET']) {
    incoming = null;
    received = 0;
    const req = request({
      host: '127.0.0.1',
      port: portOf(plane.address),
      method,
      agent: false,
      headers: { host: 'one', 'content-length': HUGE },
    });
    req.on('error', () => {});
    req.flushHeaders();
    await eventually(() => incoming !== null);
    const counter = flood(
      (piece) => req.write(piece),
      (again) => req.once('drain', again),
    );
    t.true((await settled(() => counter.sent)) < IN_BETWEEN, method);
    (incoming as unknown as IncomingMessage).resume().on('data', (piece: Buffer) => {
      received += piece.length;
    });
    const answered = once(req, 'response');
    await eventually(() => counter.sent === HUGE, 60_000);
    req.end();
    const [res] = (await answered) as [IncomingMessage];
    let text = '';
    for await (const piece of res) text += piece;
    t.is(text, String(HUGE));
  }
});

test('a client that does not read stops the instance, and gets everything in the end', async (t) => {
  const plane = await startPlane(t);
  let counter = { sent: 0 };
  const instance = await startHttp1Instance(t, (_req, res) => {
    res.writeHead(200, { 'content-length': HUGE });
    counter = flood(
      (piece) => res.write(piece),
      (again) => res.once('drain', again),
    );
  });
  await plane.serve('one', [instance], HTTP1);
  const client = new RawClient(t, plane.address);
  client.socket.pause();
  client.send('GET / HTTP/1.1\r\nhost: one\r\n\r\n');
  t.true((await settled(() => counter.sent)) < IN_BETWEEN);
  let received = 0;
  client.socket.removeAllListeners('data');
  client.socket.on('data', (piece: string) => {
    received += piece.length;
  });
  client.socket.resume();
  await eventually(() => received > HUGE, 60_000);
  t.is(counter.sent, HUGE);
});

test('many slow clients of HTTP/1.1 cost bounded memory', async (t) => {
  const plane = await startPlane(t);
  const counters: { sent: number }[] = [];
  const instance = await startHttp1Instance(t, (_req, res) => {
    res.writeHead(200, { 'content-length': HUGE });
    counters.push(
      flood(
        (piece) => res.write(piece),
        (again) => res.once('drain', again),
      ),
    );
  });
  await plane.serve('one', [instance], { ...HTTP1, limits: { connectionsPerInstance: 64 } });
  for (let i = 0; i < 20; i++) {
    const client = new RawClient(t, plane.address);
    client.socket.pause();
    client.send('GET / HTTP/1.1\r\nhost: one\r\n\r\n');
  }
  await eventually(() => counters.length === 20, 30_000);
  const total = await settled(() => counters.reduce((sum, { sent }) => sum + sent, 0));
  t.true(total < 20 * IN_BETWEEN, String(total));
  // What the process itself holds, all parts of the test included: the kernel holds the rest.
  const { arrayBuffers } = process.memoryUsage();
  t.true(arrayBuffers < 256 * 1024 * 1024, String(arrayBuffers));
});

test('one slow request does not stop the others', async (t: ExecutionContext) => {
  const plane = await startPlane(t);
  const instance = await startHttp1Instance(t, (req, res) => {
    if (req.url !== '/slow') return void res.end('quick');
    res.writeHead(200, { 'content-length': HUGE });
    flood(
      (piece) => res.write(piece),
      (again) => res.once('drain', again),
    );
  });
  await plane.serve('one', [instance], HTTP1);
  const slow = new RawClient(t, plane.address);
  slow.socket.pause();
  slow.send('GET /slow HTTP/1.1\r\nhost: one\r\n\r\n');
  await eventually(() => instance.requests.length === 1);
  for (let i = 0; i < 20; i++) t.is(String((await ask(plane.address, 'one')).body), 'quick');
});
