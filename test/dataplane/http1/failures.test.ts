import { once } from 'node:events';
import { Agent, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer, type Socket } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { eventually } from '../../support/eventually.ts';
import { ask, RawClient } from '../../support/http1_client.ts';
import { echo, startHttp1Instance } from '../../support/http1_instance.ts';
import { askHttp2, http2Client } from '../../support/http2_client.ts';
import { startPlane } from '../../support/plane.ts';
import { startInstance } from '../../support/plane_instance.ts';

const HTTP1 = { protocol: 'http/1.1' } as const;

/** An instance that answers every request's first octets with these, and then does as the test says. */
async function startRaw(
  t: ExecutionContext,
  answer: string,
  then: (socket: Socket) => void = () => {},
): Promise<{ address: string; asked: number }> {
  const found = { address: '', asked: 0 };
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', () => {
      found.asked++;
      if (answer !== '') socket.write(answer, 'latin1');
      then(socket);
    });
  });
  t.teardown(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  found.address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return found;
}

test('an instance that cannot be connected to goes to backoff, and a request says why', async (t) => {
  const plane = await startPlane(t);
  const gone = await startHttp1Instance(t);
  gone.die();
  const counters = plane.tell('shop', [gone], HTTP1);
  await eventually(() => plane.states('shop').join() === 'backoff');
  t.deepEqual(counters.connects(gone.address), { refused: 1 });
  const reply = await ask(plane.address, 'shop');
  t.deepEqual([reply.status, reply.headers['x-outrigger-reason']], [503, 'connect_failed']);
  t.regex(String(reply.body), /ECONNREFUSED/);
});

test('a request that reached nobody goes to another instance, whatever its method', async (t) => {
  const plane = await startPlane(t);
  const [gone, other] = [await startHttp1Instance(t), await startHttp1Instance(t)];
  const counters = await plane.serve('shop', [gone, other], HTTP1);
  plane.skip(10_000);
  gone.die();
  for (let i = 0; i < 6; i++) {
    const reply = await ask(plane.address, 'shop', { method: 'POST', body: `text ${i}` });
    t.deepEqual([reply.status, String(reply.body)], [200, `POST / text ${i}`]);
  }
  t.is(other.requests.length, 6);
  // Found out by the first request that went there, and not picked again.
  t.is(counters.retries, 1);
  await eventually(() => plane.states('shop').toSorted().join() === 'backoff,ready');
});

test('an instance that closes its idle connections and is gone is found out without a request', async (t) => {
  const plane = await startPlane(t);
  const instance = await startHttp1Instance(t);
  await plane.serve('shop', [instance], HTTP1);
  t.is((await ask(plane.address, 'shop')).status, 200);
  plane.skip(10_000);
  instance.die();
  await eventually(() => plane.states('shop').join() === 'backoff');
});

test('an instance that comes back serves again', async (t) => {
  const plane = await startPlane(t);
  const instance = await startHttp1Instance(t);
  await plane.serve('shop', [instance], HTTP1);
  t.is((await ask(plane.address, 'shop')).status, 200);
  instance.die();
  await eventually(() => plane.states('shop').join() === 'backoff');
  const again = await startHttp1Instance(t, echo, { listen: { port: Number(instance.address.split(':')[1]) } });
  await eventually(() => plane.states('shop').join() === 'ready');
  t.is((await ask(plane.address, 'shop')).status, 200);
  t.is(again.requests.length, 1);
});

test('an instance that is lost before it answers is an error of its own, and the request is not repeated', async (t) => {
  const plane = await startPlane(t);
  const instance = await startHttp1Instance(t, (req) => void req.socket.resetAndDestroy());
  const other = await startHttp1Instance(t, (req) => void req.socket.resetAndDestroy());
  const counters = await plane.serve('shop', [instance, other], HTTP1);
  const reply = await ask(plane.address, 'shop', { method: 'POST', body: 'x' });
  t.deepEqual([reply.status, reply.headers['x-outrigger-reason']], [502, 'upstream_closed']);
  t.regex(String(reply.body), /the connection to instance .* of service "shop" was lost before any response/);
  t.is(instance.requests.length + other.requests.length, 1);
  t.is(counters.retries, 0);
  t.deepEqual({ ...counters.attempts(instance.address), ...counters.attempts(other.address) }, { closed: 1 });
});

test('a request over a connection that ends meanwhile is repeated if its method allows it, and only then', async (t) => {
  const plane = await startPlane(t);
  let answered = 0;
  const instance = await startHttp1Instance(t, (req, res) => {
    // As when the end of an idle connection crosses the next request.
    if (answered++ % 2 === 0) res.end('ok');
    else req.socket.resetAndDestroy();
  });
  const counters = await plane.serve('shop', [instance], HTTP1);
  t.is((await ask(plane.address, 'shop')).status, 200);
  t.is(String((await ask(plane.address, 'shop')).body), 'ok');
  t.is(counters.retries, 1);
  const post = await ask(plane.address, 'shop', { method: 'POST', body: 'x' });
  t.deepEqual([post.status, post.headers['x-outrigger-reason']], [502, 'upstream_closed']);
  t.is(counters.retries, 1);
});

test('an instance that dies in mid-body never makes an answer that looks whole', async (t) => {
  const plane = await startPlane(t, { defaultService: 'shop' });
  const instance = await startHttp1Instance(t, (req, res) => {
    res.writeHead(200, req.headers['x-length'] === undefined ? {} : { 'content-length': '1000' });
    res.write('the beginning');
    setTimeout(() => req.socket.destroy(), 50);
  });
  await plane.serve('shop', [instance], HTTP1);
  const chunked = await ask(plane.address, 'shop');
  t.deepEqual([chunked.status, String(chunked.body), chunked.aborted], [200, 'the beginning', true]);
  const sized = await ask(plane.address, 'shop', { headers: { 'x-length': '1' } });
  t.deepEqual([sized.body.length, sized.aborted], [13, true]);
  const two = await askHttp2(http2Client(t, plane.address), 'shop');
  t.not(two.code, 0);
  // Without a length, only the way in which the connection ends can tell.
  const old = new RawClient(t, plane.address);
  let code: string | undefined;
  old.socket.on('error', (error: NodeJS.ErrnoException) => {
    code = error.code;
  });
  old.send('GET / HTTP/1.0\r\n\r\n');
  await old.end();
  t.is(code, 'ECONNRESET');
});

test('an instance of HTTP/2 that resets in mid-body ends the client’s connection', async (t) => {
  const plane = await startPlane(t);
  const instance = await startInstance(t, {
    ended: (received) => {
      received.headers([':status', '200']);
      received.data(Buffer.from('the beginning'));
      setTimeout(() => received.reset(2), 50);
    },
  });
  await plane.serve('two', [instance]);
  const reply = await ask(plane.address, 'two');
  t.deepEqual([reply.status, String(reply.body), reply.aborted], [200, 'the beginning', true]);
});

test('a client that goes away is gone for the instance, before the answer, in it, and while it sends', async (t) => {
  const plane = await startPlane(t);
  const instance = await startHttp1Instance(t, (req, res) => {
    if (req.url === '/begun') res.write('x');
  });
  const counters = await plane.serve('one', [instance], HTTP1);
  const lines = {
    '/silent': 'GET /silent HTTP/1.1\r\nhost: one\r\n\r\n',
    '/begun': 'GET /begun HTTP/1.1\r\nhost: one\r\n\r\n',
    '/sending': 'POST /sending HTTP/1.1\r\nhost: one\r\ncontent-length: 100\r\n\r\nabc',
  };
  for (const [path, text] of Object.entries(lines)) {
    const client = new RawClient(t, plane.address);
    client.send(text);
    await eventually(() => instance.requests.at(-1)?.url === path);
    if (path === '/begun') await client.until(/x/);
    client.socket.destroy();
    await eventually(() => instance.sockets.size === 0);
  }
  await eventually(() => counters.inFlight === 0 && counters.upstreamInFlight === 0);
  t.deepEqual(counters.attempts(instance.address), { canceled: 3 });
});

test('an answer before the end of the request is given, and the rest of the request thrown away', async (t) => {
  const plane = await startPlane(t);
  const instance = await startHttp1Instance(t, (req, res) => {
    if (req.url === '/') return echo(req, res);
    res.writeHead(413, { 'content-length': '3' }).end('no\n');
  });
  await plane.serve('one', [instance], HTTP1);
  const client = new RawClient(t, plane.address);
  client.send('POST /big HTTP/1.1\r\nhost: one\r\ncontent-length: 300000\r\n\r\n');
  await client.until(/413 Payload Too Large[\s\S]*no\n/);
  client.send('x'.repeat(300_000));
  client.send('GET / HTTP/1.1\r\nhost: one\r\nconnection: close\r\n\r\n');
  t.regex(await client.end(), /GET \/ /);
});

test('an answer that is no HTTP/1.1, or not one that everybody reads alike, is an error and counted', async (t) => {
  const bad = [
    'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nabc',
    'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    'HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
    'HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n',
    'HTTP/1.1 200 OK\r\nx-bad : 1\r\n\r\n',
    'HTTP/1.1 200 OK\r\nx: a\r\n b\r\ncontent-length: 0\r\n\r\n',
    'HTTP/1.1 200 OK\r\nx: a\0b\r\n\r\n',
    'nonsense\r\n\r\n',
    `HTTP/1.1 200 OK\r\n${'x: y\r\n'.repeat(1_001)}content-length: 0\r\n\r\n`,
    `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(70_000)}\r\n\r\n`,
  ];
  const plane = await startPlane(t);
  for (const [index, answer] of bad.entries()) {
    const name = `s${index}`;
    await plane.serve(name, [await startRaw(t, answer)], HTTP1);
    const reply = await ask(plane.address, name);
    t.deepEqual(
      [reply.status, reply.headers['x-outrigger-reason']],
      [502, 'upstream_reset'],
      JSON.stringify(answer).slice(0, 200),
    );
    t.regex(String(reply.body), /PROTOCOL_ERROR/);
    t.is(plane.protocolErrors('upstream', 'http1_response_bad'), index + 1, JSON.stringify(answer.slice(0, 200)));
  }
});

test('an instance that switches protocols without being asked is cut off', async (t) => {
  const plane = await startPlane(t);
  const raw = await startRaw(
    t,
    'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\nsmuggled',
  );
  await plane.serve('shop', [raw], HTTP1);
  const reply = await ask(plane.address, 'shop');
  t.is(reply.status, 502);
  t.notRegex(String(reply.body), /101|smuggled/);
});

test('what an instance says on an idle connection is not the answer to the next request', async (t) => {
  const plane = await startPlane(t);
  let first = true;
  const raw = await startRaw(t, '', (socket) => {
    const answer = first ? 'one' : 'two';
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n${answer}`);
    if (first) setTimeout(() => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfake'), 20);
    first = false;
  });
  await plane.serve('shop', [raw], HTTP1);
  t.is(String((await ask(plane.address, 'shop')).body), 'one');
  await new Promise((resolve) => {
    setTimeout(resolve, 100);
  });
  t.not(String((await ask(plane.address, 'shop')).body), 'fake');
});

test('a deadline of the service ends the request at the instance, too', async (t) => {
  const plane = await startPlane(t);
  const instance = await startHttp1Instance(t, () => {});
  await plane.serve('one', [instance], { ...HTTP1, timeout: 200 });
  const reply = await ask(plane.address, 'one');
  t.deepEqual([reply.status, reply.headers['x-outrigger-reason']], [504, 'deadline']);
  await eventually(() => instance.sockets.size === 0);
});

test('an instance that says how long it waits for the next request is believed', async (t) => {
  const plane = await startPlane(t);
  // Less than the second that closing takes: not kept at all.
  const instance = await startHttp1Instance(t, echo, { keepAliveTimeout: 1_000 });
  await plane.serve('one', [instance], HTTP1);
  for (let i = 0; i < 3; i++) t.is((await ask(plane.address, 'one', { method: 'POST', body: 'x' })).status, 200);
  t.is(instance.used.size, 3);
  t.deepEqual(plane.states('one'), ['ready']);
});

test('an instance that answers with HTTP/1.0 and closes is served by, again and again', async (t) => {
  const plane = await startPlane(t);
  const raw = await startRaw(t, 'HTTP/1.0 200 OK\r\n\r\nold', (socket) => void socket.end());
  await plane.serve('one', [raw], HTTP1);
  for (let i = 0; i < 5; i++) t.is(String((await ask(plane.address, 'one')).body), 'old');
  t.deepEqual(plane.states('one'), ['ready']);
});

test('a client’s connection serves on after an error of the sidecar', async (t) => {
  const plane = await startPlane(t);
  await plane.serve('one', [await startHttp1Instance(t)], HTTP1);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.teardown(() => agent.destroy());
  t.is((await ask(plane.address, 'nobody', { agent })).status, 404);
  const [, port] = plane.address.split(':');
  const req = request({ host: '127.0.0.1', port: Number(port), agent, headers: { host: 'one' } });
  req.end();
  const [res] = await once(req, 'response');
  res.resume();
  t.is(res.statusCode, 200);
  t.true(req.reusedSocket);
});
