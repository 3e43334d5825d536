import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { WebSocket as Client, WebSocketServer } from 'ws';
import { eventually } from '../../support/eventually.ts';
import { ask, RawClient } from '../../support/http1_client.ts';
import { startHttp1Instance } from '../../support/http1_instance.ts';
import { askHttp2, http2Client } from '../../support/http2_client.ts';
import { startPlane } from '../../support/plane.ts';
import { seeded } from '../../support/seeded.ts';
import { holds } from '../../support/wire_property.ts';

const HTTP1 = { protocol: 'http/1.1' } as const;

const REQUESTS = [
  'GET /a HTTP/1.1\r\nhost: one\r\n\r\n',
  'POST /b HTTP/1.1\r\nhost: one\r\ncontent-length: 5\r\n\r\nhello',
  'POST /c HTTP/1.1\r\nhost: one\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx-sum: 1\r\n\r\n',
  'GET /d HTTP/1.1\r\nhost: one\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  'POST /e HTTP/1.1\r\nhost: one\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\nhi',
  'HEAD /f HTTP/1.0\r\nhost: one\r\n\r\n',
];
const ANSWERS = [
  'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello',
  'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x\r\n\r\n5\r\nhello\r\n0\r\nx: y\r\n\r\n',
  'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n',
  'HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\nHTTP/1.0 200 OK\r\n\r\nhello',
  'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n',
];

/** One of these, with octets replaced, put in or left out, and perhaps cut off. */
function mutated(originals: readonly string[]): fc.Arbitrary<string> {
  const octet = fc.constantFrom(
    '\r',
    '\n',
    '\r\n',
    ' ',
    '\0',
    ':',
    ',',
    '0',
    '9',
    'a',
    '\xff',
    '\t',
    '\r\n ',
    'chunked',
    'content-length: 7\r\n',
  );
  const change = fc.record({ at: fc.nat(400), skip: fc.nat(3), put: octet });
  return fc
    .record({
      text: fc.constantFrom(...originals),
      changes: fc.array(change, { maxLength: 4 }),
      more: fc.nat(2),
      cut: fc.option(fc.nat(300)),
    })
    .map(({ text, changes, more, cut }) => {
      let changed = text.repeat(more + 1);
      for (const { at, skip, put } of changes) {
        const place = at % (changed.length + 1);
        changed = changed.slice(0, place) + put + changed.slice(place + skip);
      }
      return cut === null ? changed : changed.slice(0, cut);
    });
}

test('whatever a client sends, it gets answers of HTTP/1.1 or the end of its connection, and the others are served', async (t) => {
  const plane = await startPlane(t);
  const instance = await startHttp1Instance(t);
  const counters = await plane.serve('one', [instance], HTTP1);
  await holds(
    t,
    fc.asyncProperty(mutated(REQUESTS), async (text) => {
      const client = new RawClient(t, plane.address);
      client.send(text);
      client.socket.end();
      const answer = await client.end();
      return answer === '' || /^HTTP\/1\.1 \d\d\d /.test(answer) || answer.startsWith('\0');
    }),
    { numRuns: 400, endOnFailure: true },
  );
  t.is((await ask(plane.address, 'one')).status, 200);
  await eventually(() => counters.inFlight === 0 && counters.upstreamInFlight === 0);
});

test('whatever an instance answers, the client gets an answer or the end of its connection', async (t) => {
  const plane = await startPlane(t);
  let next = '';
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('data', () => socket.end(next, 'latin1'));
    socket.resume();
  });
  t.teardown(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const counters = await plane.serve(
    'one',
    [{ address: `127.0.0.1:${(server.address() as AddressInfo).port}` }],
    HTTP1,
  );
  const session = http2Client(t, plane.address);
  await holds(
    t,
    fc.asyncProperty(mutated(ANSWERS), fc.constantFrom('http1', 'http2', 'websocket'), async (text, how) => {
      next = text;
      if (how === 'http2') return (await askHttp2(session, 'one')).code >= 0;
      const client = new RawClient(t, plane.address).send(
        how === 'http1' ? (REQUESTS[0] as string) : (REQUESTS[3] as string),
      );
      await eventually(
        () => client.closed || /^HTTP\/1\.1 [2-5]\d\d /m.test(client.text) || client.text.includes('101 Switching'),
      );
      client.socket.destroy();
      return client.text === '' || client.text.startsWith('HTTP/1.1 ');
    }),
    { numRuns: 300, endOnFailure: true },
  );
  await eventually(() => counters.inFlight === 0 && counters.upstreamInFlight === 0);
});

/** One client that does something, and perhaps gives up in the middle. */
async function visit(t: ExecutionContext, address: string, random: () => number): Promise<void> {
  const patience = random() < 0.4 ? Math.floor(random() * 20) : null;
  if (random() < 0.3) {
    const client = new Client(`ws://${address}/`, { headers: { host: 'one' } });
    client.on('error', () => {});
    client.on('open', () => {
      client.send('x'.repeat(Math.floor(random() * 100_000)));
      if (patience === null) client.on('message', () => client.close());
    });
    if (patience !== null) setTimeout(() => client.terminate(), patience);
    let closed = false;
    client.on('close', () => {
      closed = true;
    });
    return void (await eventually(() => closed));
  }
  const client = new RawClient(t, address);
  const length = Math.floor(random() * 200_000);
  client.send(
    `POST /${random()} HTTP/1.1\r\nhost: one\r\nconnection: close\r\ncontent-length: ${length}\r\n\r\n${'x'.repeat(length)}`,
  );
  if (patience !== null) setTimeout(() => client.socket.destroy(), patience);
  await client.end();
}

test('clients and instances that come and go in the middle of everything leave nothing behind', async (t) => {
  const random = seeded(7);
  const plane = await startPlane(t);
  const instances = await Promise.all(
    [0, 1, 2].map(async () => {
      const instance = await startHttp1Instance(t, (req, res) => {
        const fate = random();
        if (fate < 0.1) return void req.socket.destroy();
        if (fate < 0.2) return void res.end('early');
        req.pipe(res);
        if (fate < 0.3) setTimeout(() => req.socket.destroy(), Math.floor(random() * 10));
      });
      const server = new WebSocketServer({ server: instance.server });
      server.on('connection', (socket) => {
        socket.on('error', () => {});
        socket.on('message', (data) => (random() < 0.2 ? socket.terminate() : socket.send(data)));
      });
      return instance;
    }),
  );
  const limits = { connectionsPerInstance: 10 };
  const counters = await plane.serve('one', instances, { ...HTTP1, limits });
  for (let round = 0; round < 6; round++) {
    const visits = Array.from({ length: 40 }, () => visit(t, plane.address, random));
    await delay(10);
    // One instance leaves while it is busy, and comes back.
    plane.tell('one', instances.slice(1 + (round % 2)), { ...HTTP1, limits });
    await delay(10);
    plane.tell('one', instances, { ...HTTP1, limits });
    await Promise.all(visits);
  }
  await eventually(() => counters.inFlight === 0 && counters.upstreamInFlight === 0 && counters.pending === 0);
  t.true((await ask(plane.address, 'one', { method: 'POST', body: 'x' })).status >= 200);
});
