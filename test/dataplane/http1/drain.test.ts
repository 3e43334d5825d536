import { once } from 'node:events';
import { Agent } from 'node:http';
import test from 'ava';
import { WebSocket as Client, WebSocketServer } from 'ws';
import { Listener } from '../../../src/dataplane/listener/listener.ts';
import { eventually } from '../../support/eventually.ts';
import { ask, RawClient } from '../../support/http1_client.ts';
import { echo, startHttp1Instance } from '../../support/http1_instance.ts';
import { type Plane, startPlane } from '../../support/plane.ts';
import { SlowSocket } from '../../support/slow_socket.ts';

const HTTP1 = { protocol: 'http/1.1' } as const;
const GRACE = 60_000;

const drain = (plane: Plane, graceMs: number): void => plane.data.receive({ kind: 'drain', graceMs });
const drained = (plane: Plane): boolean => plane.said('drained').length === 1;

test('an idle connection of HTTP/1.1 is closed when the sidecar drains, and no other is accepted', async (t) => {
  const plane = await startPlane(t);
  await plane.serve('one', [await startHttp1Instance(t)], HTTP1);
  const client = new RawClient(t, plane.address);
  client.send('GET / HTTP/1.1\r\nhost: one\r\n\r\n');
  await client.until(/GET \/ /);
  drain(plane, GRACE);
  await client.end();
  await eventually(() => drained(plane));
  await t.throwsAsync(ask(plane.address, 'one', { agent: new Agent() }), { code: 'ECONNREFUSED' });
});

test('a request in flight is answered while the sidecar drains, and told that its connection ends', async (t) => {
  const plane = await startPlane(t);
  let answer = (): void => {};
  const instance = await startHttp1Instance(t, (req, res) => {
    answer = () => echo(req, res);
  });
  await plane.serve('one', [instance], HTTP1);
  const client = new RawClient(t, plane.address);
  client.send('POST /late HTTP/1.1\r\nhost: one\r\ncontent-length: 4\r\n\r\nlate');
  await eventually(() => instance.requests.length === 1);
  drain(plane, GRACE);
  await new Promise((resolve) => {
    setTimeout(resolve, 50);
  });
  t.false(drained(plane));
  answer();
  const text = await client.end();
  t.regex(text, /^HTTP\/1\.1 200 OK\r\n[\s\S]*connection: close\r\n[\s\S]*POST \/late late/i);
  await eventually(() => drained(plane));
});

test('an answer that has begun is finished, however large, before the sidecar has drained', async (t) => {
  const plane = await startPlane(t);
  const body = Buffer.alloc(4 * 1024 * 1024, 'x');
  const instance = await startHttp1Instance(t, (_req, res) => {
    res.writeHead(200, { 'content-length': body.length });
    res.write(body.subarray(0, 1_000));
    setTimeout(() => res.end(body.subarray(1_000)), 50);
  });
  await plane.serve('one', [instance], HTTP1);
  const reply = ask(plane.address, 'one');
  await eventually(() => instance.requests.length === 1);
  drain(plane, GRACE);
  const { body: got, aborted } = await reply;
  t.deepEqual([got.length, aborted], [body.length, false]);
  await eventually(() => drained(plane));
});

test('what is open at the end of the grace is answered: shutting_down, or the end of the connection', async (t) => {
  const plane = await startPlane(t);
  const instance = await startHttp1Instance(t, (req, res) => {
    if (req.url === '/begun') res.write('x');
  });
  const server = new WebSocketServer({ server: instance.server });
  await plane.serve('one', [instance], HTTP1);
  const silent = new RawClient(t, plane.address).send('GET / HTTP/1.1\r\nhost: one\r\n\r\n');
  const begun = new RawClient(t, plane.address).send('GET /begun HTTP/1.1\r\nhost: one\r\n\r\n');
  const socket = new Client(`ws://${plane.address}/`, { headers: { host: 'one' } });
  t.teardown(() => socket.terminate());
  await Promise.all([once(socket, 'open'), begun.until(/x/), eventually(() => instance.requests.length === 2)]);
  const closed = once(socket, 'close');
  drain(plane, 100);
  socket.send('still served');
  const [connected] = server.clients;
  t.truthy(connected);
  t.is((await closed)[0], 1006);
  const text = await silent.end();
  t.regex(text, /^HTTP\/1\.1 503 Service Unavailable\r\n[\s\S]*x-outrigger-reason: shutting_down\r\n/);
  t.regex(text, /connection: close/i);
  const cut = await begun.end();
  t.false(cut.endsWith('0\r\n\r\n'));
  await eventually(() => drained(plane) && instance.sockets.size === 0);
});

test('a WebSocket goes on while the sidecar drains, and the drain is over when it is', async (t) => {
  const plane = await startPlane(t);
  const instance = await startHttp1Instance(t);
  const server = new WebSocketServer({ server: instance.server });
  server.on('connection', (socket) => socket.on('message', (data) => socket.send(`echo ${data}`)));
  await plane.serve('one', [instance], HTTP1);
  const socket = new Client(`ws://${plane.address}/`, { headers: { host: 'one' } });
  await once(socket, 'open');
  drain(plane, GRACE);
  socket.send('hello');
  t.is(String((await once(socket, 'message'))[0]), 'echo hello');
  t.false(drained(plane));
  socket.close();
  await once(socket, 'close');
  await eventually(() => drained(plane));
});

test('an instance that leaves the registry finishes what it has, WebSockets too, and gets nothing new', async (t) => {
  const plane = await startPlane(t);
  const [leaving, staying] = [await startHttp1Instance(t), await startHttp1Instance(t)];
  const server = new WebSocketServer({ server: leaving.server });
  server.on('connection', (socket) => socket.on('message', (data) => socket.send(`echo ${data}`)));
  await plane.serve('one', [leaving], HTTP1);
  const socket = new Client(`ws://${plane.address}/`, { headers: { host: 'one' } });
  await once(socket, 'open');
  plane.tell('one', [staying], HTTP1);
  await eventually(() => plane.states('one').join() === 'ready');
  t.is((await ask(plane.address, 'one')).status, 200);
  t.is(staying.requests.length, 1);
  socket.send('hello');
  t.is(String((await once(socket, 'message'))[0]), 'echo hello');
  t.is(plane.said('endpoint_gone').length, 0);
  socket.close();
  await once(socket, 'close');
  await eventually(() => plane.said('endpoint_gone').length === 1 && leaving.sockets.size === 0);
});

test('a listener has drained when the last answer has been written, not when it has been given', async (t) => {
  const plane = await startPlane(t);
  const counters = await plane.serve('one', [await startHttp1Instance(t)], HTTP1);
  const listener = new Listener(plane.data, { onProtocolError() {}, onCount() {} });
  const socket = new SlowSocket();
  listener.serveHttp1(socket, Buffer.from('GET /slow HTTP/1.1\r\nhost: one\r\n\r\n'));
  await eventually(() => socket.text !== '');
  await eventually(() => counters.inFlight === 0);
  let over = false;
  void listener.drain().then(() => {
    over = true;
  });
  for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
  t.false(over);
  socket.release();
  await eventually(() => over);
  t.regex(socket.text, /GET \/slow /);
  t.true(socket.destroyed);
});
