import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:http2';
import { type AddressInfo, createServer as createNetServer } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { WebSocket as Client, WebSocketServer } from 'ws';
import { Listener } from '../../../src/dataplane/listener/listener.ts';
import { eventually } from '../../support/eventually.ts';
import { RawClient } from '../../support/http1_client.ts';
import { type Http1Instance, startHttp1Instance } from '../../support/http1_instance.ts';
import { type Plane, startPlane } from '../../support/plane.ts';
import { startInstance } from '../../support/plane_instance.ts';
import { SlowSocket } from '../../support/slow_socket.ts';

const HTTP1 = { protocol: 'http/1.1' } as const;
const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const handshake = (host: string, ...lines: string[]): string =>
  [
    'GET /chat HTTP/1.1',
    `host: ${host}`,
    'connection: Upgrade',
    'upgrade: websocket',
    'sec-websocket-version: 13',
    `sec-websocket-key: ${KEY}`,
    ...lines,
    '',
    '',
  ].join('\r\n');

interface SocketInstance extends Http1Instance {
  readonly sockets2: WebSocketServer;
}

/** An HTTP/1.1 server that also echoes WebSocket messages. */
async function startSocketInstance(t: ExecutionContext): Promise<SocketInstance> {
  const instance = await startHttp1Instance(t);
  const server = new WebSocketServer({
    server: instance.server,
    handleProtocols: (protocols) => [...protocols][0] ?? false,
  });
  server.on('connection', (socket, req) => {
    socket.on('error', () => {});
    socket.on('message', (data, isBinary) => socket.send(isBinary ? data : `${req.url} ${data}`, { binary: isBinary }));
  });
  return { ...instance, sockets2: server };
}

async function open(
  t: ExecutionContext,
  plane: Plane,
  host: string,
  headers: Record<string, string> = {},
  protocols: string[] = [],
): Promise<Client> {
  const client = new Client(`ws://${plane.address}/chat?room=1`, protocols, { headers: { host, ...headers } });
  t.teardown(() => client.terminate());
  client.on('error', () => {});
  await once(client, 'open');
  return client;
}

async function say(client: Client, text: string): Promise<string> {
  client.send(text);
  const [answer] = await once(client, 'message');
  return String(answer);
}

test('messages go both ways, pings are answered, and closing is told with its code', async (t) => {
  const plane = await startPlane(t);
  const instance = await startSocketInstance(t);
  const counters = await plane.serve('chat', [instance], HTTP1);
  const client = await open(t, plane, 'chat', {}, ['one', 'two']);
  t.is(client.protocol, 'one');
  t.is(await say(client, 'hello'), '/chat?room=1 hello');
  client.ping('are you there');
  t.is(String((await once(client, 'pong'))[0]), 'are you there');
  t.is(counters.inFlight, 1);
  t.is(counters.upstreamInFlight, 1);
  client.close(4001, 'enough');
  const [code] = await once(client, 'close');
  t.is(code, 4001);
  await eventually(() => counters.inFlight === 0 && counters.upstreamInFlight === 0);
  t.deepEqual(counters.attempts(instance.address), { ok: 1 });
  await eventually(() => instance.sockets.size === 0);
});

test('Node’s own WebSocket works', async (t) => {
  const plane = await startPlane(t, { routes: [{ path: '/chat', host: null, service: 'chat' }] });
  await plane.serve('chat', [await startSocketInstance(t)], HTTP1);
  const client = new WebSocket(`ws://${plane.address}/chat`);
  await once(client, 'open');
  const answered = once(client, 'message');
  client.send('hi');
  t.is(((await answered)[0] as MessageEvent).data, '/chat hi');
  const closed = once(client, 'close');
  client.close();
  await closed;
});

test('a megabyte goes there and back, and a side that does not read stops the other', async (t) => {
  const plane = await startPlane(t);
  const instance = await startSocketInstance(t);
  await plane.serve('chat', [instance], HTTP1);
  const client = await open(t, plane, 'chat');
  const megabyte = Buffer.alloc(1024 * 1024, 'abc');
  client.send(megabyte);
  const [answer] = await once(client, 'message');
  t.true(megabyte.equals(answer as Buffer));
  const [socket] = instance.sockets2.clients;
  client.pause();
  for (let i = 0; i < 64; i++) socket?.send(megabyte);
  // The kernel takes some megabytes, the windows a quarter of one each; the rest stays where it comes from.
  await eventually(() => (socket?.bufferedAmount ?? 0) > 32 * 1024 * 1024);
  let received = 0;
  client.on('message', () => received++);
  client.resume();
  await eventually(() => received === 64, 60_000);
  t.is(socket?.bufferedAmount, 0);
});

test('version and instance are chosen as for any other request', async (t) => {
  const plane = await startPlane(t);
  const [v1, v2] = [await startSocketInstance(t), await startSocketInstance(t)];
  await plane.serve(
    'chat',
    [
      { address: v1.address, version: 'v1' },
      { address: v2.address, version: 'v2' },
    ],
    HTTP1,
  );
  for (let i = 0; i < 2; i++) await say(await open(t, plane, 'chat', { 'x-version': 'v2' }), 'x');
  t.is(v1.sockets2.clients.size, 0);
  t.is(v2.sockets2.clients.size, 2);
  const refused = new RawClient(t, plane.address).send(handshake('chat', 'x-version: v3'));
  t.regex(
    await refused.end(),
    /^HTTP\/1\.1 503 Service Unavailable\r\n[\s\S]*x-outrigger-reason: no_version[\s\S]*no match found conn/,
  );
  const lost = new RawClient(t, plane.address).send(handshake('nobody'));
  t.regex(await lost.end(), /^HTTP\/1\.1 404 Not Found\r\n[\s\S]*no service for \/chat/);
});

test('what an instance answers in the place of the handshake comes back', async (t) => {
  const plane = await startPlane(t);
  const instance = await startHttp1Instance(t);
  instance.server.on('upgrade', (req, socket) => {
    const length =
      req.headers['x-chunked'] === undefined
        ? 'content-length: 4\r\n\r\nnope'
        : 'transfer-encoding: chunked\r\n\r\n4\r\nnope\r\n0\r\n\r\n';
    socket.write(`HTTP/1.1 403 Forbidden\r\nx-why: because\r\n${length}`);
  });
  await plane.serve('chat', [instance], HTTP1);
  for (const line of ['x-a: b', 'x-chunked: 1']) {
    const text = await new RawClient(t, plane.address).send(handshake('chat', line)).end();
    t.regex(text, /^HTTP\/1\.1 403 Forbidden\r\n[\s\S]*x-why: because\r\n/);
    t.notRegex(text, /chunked/);
    t.true(text.endsWith('\r\n\r\nnope'));
  }
});

test('an instance that does not know WebSockets is an error, not one that looks like success', async (t) => {
  const plane = await startPlane(t);
  await plane.serve('plain', [await startHttp1Instance(t)], HTTP1);
  const text = await new RawClient(t, plane.address).send(handshake('plain')).end();
  t.regex(text, /^HTTP\/1\.1 502 Bad Gateway\r\n[\s\S]*answered 200 and did not switch to WebSocket/);
});

test('an instance that answers the handshake wrongly is an error', async (t) => {
  const plane = await startPlane(t);
  const instance = await startHttp1Instance(t);
  instance.server.on('upgrade', (_req, socket) => {
    socket
      .on('error', () => {})
      .on('end', () => socket.end())
      .resume();
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: x\r\n\r\n',
    );
  });
  await plane.serve('chat', [instance], HTTP1);
  t.regex(await new RawClient(t, plane.address).send(handshake('chat')).end(), /^HTTP\/1\.1 502 /);
  t.is(plane.protocolErrors('upstream', 'http1_response_bad'), 1);
  await eventually(() => instance.sockets.size === 0);
});

test('for a service of HTTP/2 a WebSocket is answered 501 with the reason', async (t) => {
  const plane = await startPlane(t);
  const instance = await startInstance(t);
  const counters = await plane.serve('two', [instance]);
  const text = await new RawClient(t, plane.address).send(handshake('two')).end();
  t.regex(
    text,
    /^HTTP\/1\.1 501 Not Implemented\r\n[\s\S]*x-outrigger-reason: protocol_mismatch[\s\S]*service "two" speaks HTTP\/2/,
  );
  t.is(instance.requests.length, 0);
  await eventually(() => counters.inFlight === 0);
});

test('a handshake that is none is refused', async (t) => {
  const plane = await startPlane(t);
  const good = handshake('chat');
  for (const bad of [
    good.replace('GET', 'POST'),
    good.replace('HTTP/1.1', 'HTTP/1.0'),
    good.replace(KEY, 'short'),
    good.replace(/sec-websocket-key.*\r\n/, ''),
    good.replace('\r\n\r\n', '\r\ncontent-length: 5\r\n\r\nhello'),
  ]) {
    t.regex(await new RawClient(t, plane.address).send(bad).end(), /^HTTP\/1\.1 400 Bad Request\r\n/, bad);
  }
  t.is(plane.protocolErrors('downstream', 'http1_upgrade_bad'), 5);
});

test('an instance that dies ends its WebSockets, and a client that goes is gone for the instance', async (t) => {
  const plane = await startPlane(t);
  const instance = await startSocketInstance(t);
  const counters = await plane.serve('chat', [instance], HTTP1);
  const leaving = await open(t, plane, 'chat');
  await eventually(() => instance.sockets2.clients.size === 1);
  leaving.terminate();
  await eventually(() => instance.sockets2.clients.size === 0);
  const client = await open(t, plane, 'chat');
  t.is(await say(client, 'x'), '/chat?room=1 x');
  const closed = once(client, 'close');
  instance.die();
  t.is((await closed)[0], 1006);
  await eventually(() => counters.inFlight === 0 && counters.upstreamInFlight === 0);
  t.deepEqual(counters.attempts(instance.address), { canceled: 1, closed: 1 });
});

test('a handshake that reaches nobody goes to another instance', async (t) => {
  const plane = await startPlane(t);
  const [gone, other] = [await startSocketInstance(t), await startSocketInstance(t)];
  await plane.serve('chat', [gone, other], HTTP1);
  gone.die();
  for (let i = 0; i < 3; i++) t.is(await say(await open(t, plane, 'chat'), 'x'), '/chat?room=1 x');
});

test('WebSockets count against the limits of the service', async (t) => {
  const plane = await startPlane(t);
  const instance = await startSocketInstance(t);
  const counters = await plane.serve('chat', [instance], {
    ...HTTP1,
    limits: { requests: 3, connectionsPerInstance: 2 },
  });
  const first = await open(t, plane, 'chat');
  await open(t, plane, 'chat');
  const waiting = new RawClient(t, plane.address).send(handshake('chat'));
  await eventually(() => counters.pending === 1);
  const refused = await new RawClient(t, plane.address).send(handshake('chat')).end();
  t.regex(refused, /^HTTP\/1\.1 503 [\s\S]*x-outrigger-reason: overloaded/);
  first.terminate();
  await waiting.until(/^HTTP\/1\.1 101 Switching Protocols\r\n/);
  t.regex(waiting.text, /sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/);
});

test('no timeout of the service ends a WebSocket', async (t) => {
  const plane = await startPlane(t);
  const counters = await plane.serve('chat', [await startSocketInstance(t)], { ...HTTP1, timeout: 100 });
  const client = await open(t, plane, 'chat');
  await new Promise((resolve) => {
    setTimeout(resolve, 300);
  });
  t.is(await say(client, 'still here'), '/chat?room=1 still here');
  t.is(counters.rejected('deadline'), 0);
});

test('what a client sends with the handshake is not lost, nor what the instance sends with its answer', async (t) => {
  const plane = await startPlane(t);
  const instance = await startSocketInstance(t);
  instance.sockets2.on('connection', (socket) => socket.send('welcome'));
  await plane.serve('chat', [instance], HTTP1);
  const client = new RawClient(t, plane.address);
  // A masked text frame "hi" (RFC 6455 section 5.7).
  const frame = Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69]);
  client.send(Buffer.concat([Buffer.from(handshake('chat')), frame]));
  t.true((await client.until(/hi$/)).endsWith('\r\n\r\n\x81\x07welcome\x81\x08/chat hi'));
});

test('a WebSocket over HTTP/2 (RFC 8441) reaches an instance of HTTP/1.1', async (t) => {
  const plane = await startPlane(t);
  await plane.serve('chat', [await startSocketInstance(t)], HTTP1);
  const session = connect(`http://${plane.address}`);
  t.teardown(() => session.destroy());
  await once(session, 'remoteSettings');
  t.true(session.remoteSettings.enableConnectProtocol);
  const stream = session.request({
    ':method': 'CONNECT',
    ':protocol': 'websocket',
    ':scheme': 'http',
    ':path': '/chat',
    ':authority': 'chat',
    'sec-websocket-version': '13',
    // Of no meaning here (RFC 8441 section 5), and not to be sent beside our own.
    'sec-websocket-key': KEY,
  });
  const [headers] = await once(stream, 'response');
  t.is(headers[':status'], 200);
  stream.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69]));
  let text = '';
  stream.on('data', (piece: Buffer) => {
    text += piece.toString('latin1');
  });
  await eventually(() => text === '\x81\x08/chat hi');
  stream.close();
});

test('a WebSocket that is asked for before earlier answers are given ends the connection', async (t) => {
  const plane = await startPlane(t);
  const silent = await startHttp1Instance(t, () => {});
  await plane.serve('one', [silent], HTTP1);
  const client = new RawClient(t, plane.address);
  client.send(`GET / HTTP/1.1\r\nhost: one\r\n\r\n${handshake('one')}`);
  t.is(await client.end(), '');
  await eventually(() => silent.sockets.size === 0);
});

test('what an instance said before it closed arrives, however slowly it is read', async (t) => {
  const plane = await startPlane(t);
  const instance = await startHttp1Instance(t);
  const piece = Buffer.alloc(8 * 1024, 'x');
  instance.server.on('upgrade', (req, socket) => {
    const accept = createHash('sha1')
      .update(`${req.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64');
    socket.on('error', () => {}).resume();
    socket.write(
      `HTTP/1.1 101 x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: ${accept}\r\n\r\n`,
    );
    let left = Number(req.headers['x-pieces']);
    const sending = setInterval(() => {
      if (left-- > 0) return void socket.write(piece);
      clearInterval(sending);
      socket.end();
    }, 2);
  });
  await plane.serve('chat', [instance], HTTP1);
  const listener = new Listener(plane.data, { onProtocolError() {}, onCount() {} });
  // What both windows take depends on when credit is given: for one of these, a little waits where the instance's connection ends.
  const counts = [44, 50, 56, 62, 68];
  const clients = counts.map((pieces) => {
    const client = new SlowSocket();
    listener.serveHttp1(client, Buffer.from(handshake('chat', `x-pieces: ${pieces}`)));
    return client;
  });
  await eventually(() => instance.sockets.size < 5 && clients.every(({ text }) => text !== ''));
  // The others cannot close before they are read.
  await eventually(() => instance.sockets.size === 0, 1_000).catch(() => {});
  for (const client of clients) client.release();
  for (const [at, client] of clients.entries()) {
    await eventually(() => client.destroyed);
    t.is(client.text.length - client.text.indexOf('\r\n\r\n') - 4, (counts[at] as number) * piece.length);
  }
});

test('an instance that is no server at all is an error', async (t) => {
  const plane = await startPlane(t);
  const server = createNetServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.destroy());
  });
  t.teardown(() => server.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  await plane.serve('chat', [{ address: `127.0.0.1:${(server.address() as AddressInfo).port}` }], HTTP1);
  const text = await new RawClient(t, plane.address).send(handshake('chat')).end();
  t.regex(text, /^HTTP\/1\.1 502 [\s\S]*x-outrigger-reason: upstream_closed/);
});
