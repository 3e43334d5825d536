import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { type AddressInfo, connect, createServer } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { eventually } from '../../support/eventually.ts';
import { ask, RawClient } from '../../support/http1_client.ts';
import { startHttp1Instance } from '../../support/http1_instance.ts';
import { askHttp2, http2Client } from '../../support/http2_client.ts';
import { type Plane, startPlane } from '../../support/plane.ts';
import { startApp } from '../../support/plane_app.ts';
import { type Received, startInstance } from '../../support/plane_instance.ts';
import { present } from '../../support/requires.ts';

const HTTP1 = { protocol: 'http/1.1' } as const;

/** Answers in HTTP/2 with what it got. */
const echo2 = {
  ended: (request: Received) => {
    const [method, path] = [request.values(':method')[0], request.values(':path')[0]];
    request.headers([':status', '200', 'content-type', 'text/plain', 'x-host', request.values(':authority')[0] ?? '']);
    request.data(Buffer.from(`${method} ${path} ${request.body}`), true);
  },
};

interface Combination {
  readonly name: string;
  readonly ask: (method: string, path: string, body?: string) => Promise<{ status: number; body: Buffer }>;
}

/** The same service over each pair of protocols. */
async function combinations(t: ExecutionContext): Promise<Combination[]> {
  const plane = await startPlane(t);
  await plane.serve('one', [await startHttp1Instance(t)], HTTP1);
  await plane.serve('two', [await startInstance(t, echo2)]);
  const session = http2Client(t, plane.address);
  const http1 = (host: string) => (method: string, path: string, body?: string) =>
    ask(plane.address, host, { method, path, ...(body === undefined ? {} : { body }) });
  const http2 = (host: string) => (method: string, path: string, body?: string) =>
    askHttp2(session, host, { ':method': method, ':path': path }, body ?? null);
  return [
    { name: 'HTTP/1.1 to HTTP/1.1', ask: http1('one') },
    { name: 'HTTP/1.1 to HTTP/2', ask: http1('two') },
    { name: 'HTTP/2 to HTTP/1.1', ask: http2('one') },
  ];
}

test('method, target and body arrive, with every method and over every pair of protocols', async (t) => {
  for (const { name, ask: send } of await combinations(t)) {
    for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
      const bare = await send(method, '/a/b?c=d&e');
      t.deepEqual([bare.status, String(bare.body)], [200, `${method} /a/b?c=d&e `], `${name}: ${method}`);
      // http2-proxy itself would throw away what comes with GET and OPTIONS.
      const full = await send(method, '/', 'some text');
      t.is(String(full.body), `${method} / some text`, `${name}: ${method} with a body`);
    }
  }
});

test('the instance sees the host that was asked for, and no headers of the sidecar’s connections', async (t) => {
  const plane = await startPlane(t, { routes: [{ path: '/', host: null, service: 'one' }] });
  const instance = await startHttp1Instance(t);
  await plane.serve('one', [instance], HTTP1);
  await ask(plane.address, 'book.test:8080', {
    headers: { connection: 'close, X-Hop', 'x-hop': '1', 'proxy-connection': 'x', 'keep-alive': 'a', cookie: 'a=1' },
  });
  const raw = instance.requests[0]?.rawHeaders;
  t.deepEqual(raw, ['host', 'book.test:8080', 'via', '2 outrigger', 'cookie', 'a=1', 'connection', 'keep-alive']);
  await askHttp2(http2Client(t, plane.address), 'book.test', { cookie: ['a=1', 'b=2'] });
  t.is(instance.requests[1]?.headers.host, 'book.test');
  t.is(instance.requests[1]?.headers.cookie, 'a=1; b=2');
  t.is(instance.requests[1]?.headers.forwarded, undefined);
});

test('an absolute target names the service, whatever Host says', async (t) => {
  const plane = await startPlane(t);
  const instance = await startHttp1Instance(t);
  await plane.serve('one', [instance], HTTP1);
  const client = new RawClient(t, plane.address);
  client.send('GET http://one/x?y HTTP/1.1\r\nhost: elsewhere\r\nconnection: close\r\n\r\n');
  t.regex(await client.end(), /GET \/x\?y/);
  t.is(instance.requests[0]?.headers.host, 'one');
});

test('headers that come several times arrive several times, both ways', async (t) => {
  const plane = await startPlane(t);
  const instance = await startHttp1Instance(t, (_req, res) => {
    res.writeHead(200, ['set-cookie', 'a=1', 'set-cookie', 'b=2', 'x-text', '\u00fc']);
    res.end();
  });
  await plane.serve('one', [instance], HTTP1);
  const reply = await ask(plane.address, 'one', { headers: { 'x-more': ['1', '2'], 'x-text': '\u00fc' } });
  t.deepEqual(reply.headers['set-cookie'], ['a=1', 'b=2']);
  t.is(reply.headers['x-text'], '\u00fc');
  t.is(instance.requests[0]?.headers['x-more'], '1, 2');
  t.is(instance.requests[0]?.headers['x-text'], '\u00fc');
});

test('trailers arrive both ways, with chunked bodies: to a client of HTTP/1.1 only if it reads them', async (t) => {
  const plane = await startPlane(t);
  const instance = await startHttp1Instance(t, (req, res) => {
    req.resume().on('end', () => {
      res.writeHead(200, { 'x-got': String(req.trailers['x-sum']), trailer: 'x-done' });
      res.write('text');
      res.addTrailers({ 'x-done': 'yes' });
      res.end();
    });
  });
  await plane.serve('one', [instance], HTTP1);
  const { address } = plane;
  const asked = await ask(address, 'one', {
    method: 'POST',
    headers: { te: 'trailers', connection: 'te', trailer: 'x-sum', 'transfer-encoding': 'chunked' },
    body: 'abc',
    trailers: { 'x-sum': '3' },
  });
  t.deepEqual([asked.headers['x-got'], asked.trailers['x-done'], String(asked.body)], ['3', 'yes', 'text']);
  t.is(instance.requests[0]?.headers.te, 'trailers');
  t.deepEqual({ ...(await ask(address, 'one')).trailers }, {});
  const two = await askHttp2(http2Client(t, address), 'one', { ':method': 'POST' }, 'abc', { 'x-sum': '3' });
  t.deepEqual([two.headers['x-got'], two.trailers['x-done']], ['3', 'yes']);
});

test('HEAD, 204 and 304 have no body, and their lengths are what the instance says', async (t) => {
  const plane = await startPlane(t);
  const instance = await startHttp1Instance(t, (req, res) => {
    const status = Number(req.headers['x-status'] ?? 200);
    res.writeHead(status, status === 204 ? {} : { 'content-length': '5' });
    res.end(req.method === 'HEAD' || status !== 200 ? undefined : 'hello');
  });
  await plane.serve('one', [instance], HTTP1);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.teardown(() => agent.destroy());
  const head = await ask(plane.address, 'one', { method: 'HEAD', agent });
  t.deepEqual([head.status, head.headers['content-length'], head.body.length], [200, '5', 0]);
  const none = await ask(plane.address, 'one', { headers: { 'x-status': '204' }, agent });
  t.deepEqual([none.status, none.headers['content-length'], none.body.length], [204, undefined, 0]);
  const same = await ask(plane.address, 'one', { headers: { 'x-status': '304' }, agent });
  t.deepEqual([same.status, same.headers['content-length'], same.body.length], [304, '5', 0]);
  t.is(String((await ask(plane.address, 'one', { agent })).body), 'hello');
  const session = http2Client(t, plane.address);
  const head2 = await askHttp2(session, 'one', { ':method': 'HEAD' });
  t.deepEqual([head2.status, head2.headers['content-length'], head2.code], [200, '5', 0]);
});

test('an empty answer has length 0, and the connection goes on', async (t) => {
  const plane = await startPlane(t);
  await plane.serve('two', [await startInstance(t, { ended: (request) => request.headers([':status', '200'], true) })]);
  const client = new RawClient(t, plane.address);
  client.send('GET / HTTP/1.1\r\nhost: two\r\n\r\n');
  t.regex(await client.until(/\r\n\r\n/), /^HTTP\/1\.1 200 OK\r\n.*content-length: 0\r\n/s);
  client.send('GET / HTTP/1.1\r\nhost: two\r\nconnection: close\r\n\r\n');
  t.is((await client.end()).split('HTTP/1.1 200').length, 3);
});

test('100-continue is asked of the instance, and other interim answers pass', async (t) => {
  const plane = await startPlane(t);
  const instance = await startHttp1Instance(t);
  instance.server.on('checkContinue', (req, res) => {
    res.writeEarlyHints({ link: '</a>; rel=preload' });
    if (req.headers['x-refuse'] !== undefined) res.writeHead(413).end();
    else {
      res.writeContinue();
      instance.server.emit('request', req, res);
    }
  });
  await plane.serve('one', [instance], HTTP1);
  const client = new RawClient(t, plane.address);
  const lines = 'POST / HTTP/1.1\r\nhost: one\r\nexpect: 100-continue\r\ncontent-length: 5\r\n';
  client.send(`${lines}\r\n`);
  const text = await client.until(/100 Continue\r\n\r\n/);
  t.regex(text, /^HTTP\/1\.1 103 .*\r\nlink: <\/a>; rel=preload\r\n\r\nHTTP\/1\.1 100 Continue\r\n\r\n$/s);
  client.send('hello');
  await client.until(/POST \/ hello/);
  // The client may not send the body then, so nothing can follow on this connection.
  client.send(`${lines}x-refuse: 1\r\n\r\n`);
  t.regex(await client.end(), /413 Payload Too Large\r\n(?:.*\r\n)*connection: close\r\n/i);
  const two = await askHttp2(http2Client(t, plane.address), 'one', { ':method': 'PUT', expect: '100-continue' }, 'x');
  t.deepEqual([two.status, two.informational], [200, [103, 100]]);
});

test('the head of a request reaches the instance before there is anything of its body, and so does its answer the client', async (t) => {
  const plane = await startPlane(t);
  const instance = await startHttp1Instance(t, (req, res) => {
    res.write('early ');
    req.on('data', (piece) => res.write(piece)).on('end', () => res.end());
  });
  await plane.serve('one', [instance], HTTP1);
  const client = new RawClient(t, plane.address);
  client.send('POST / HTTP/1.1\r\nhost: one\r\nconnection: close\r\ncontent-length: 4\r\n\r\n');
  await client.until(/early /);
  client.send('late');
  t.regex(await client.end(), /late/);
  const stream = http2Client(t, plane.address).request({ ':method': 'POST', ':authority': 'one' });
  let text = '';
  stream.setEncoding('latin1').on('data', (piece: string) => {
    text += piece;
  });
  await eventually(() => text === 'early ');
  stream.end('late');
  await eventually(() => text === 'early late');
});

test('an expectation that nobody can meet is answered 417', async (t) => {
  const plane = await startPlane(t);
  await plane.serve('one', [await startHttp1Instance(t)], HTTP1);
  t.is((await ask(plane.address, 'one', { headers: { expect: 'miracles' } })).status, 417);
});

test('requests that are sent ahead are answered in order', async (t) => {
  const plane = await startPlane(t);
  const instance = await startHttp1Instance(t);
  await plane.serve('one', [instance], HTTP1);
  const client = new RawClient(t, plane.address);
  let text = '';
  for (let i = 0; i < 100; i++) text += `PUT /${i} HTTP/1.1\r\nhost: one\r\ncontent-length: 2\r\n\r\n${10 + (i % 90)}`;
  client.send(`${text}GET /last HTTP/1.1\r\nhost: one\r\nconnection: close\r\n\r\n`);
  const answers = [...(await client.end()).matchAll(/^(?:PUT|GET) \/(\w+) /gm)].map(([, name]) => name);
  t.deepEqual(answers, [...Array.from({ length: 100 }, (_, i) => String(i)), 'last']);
  t.is(instance.used.size, 1);
});

test('more requests sent ahead than anybody needs end the connection, and the others go on', async (t) => {
  const plane = await startPlane(t);
  const instance = await startHttp1Instance(t, () => {});
  await plane.serve('one', [instance], HTTP1);
  const client = new RawClient(t, plane.address);
  client.send('GET / HTTP/1.1\r\nhost: one\r\n\r\n'.repeat(4_000));
  await client.end();
  t.is(plane.protocolErrors('downstream', 'http1_pipeline_flood'), 1);
  await eventually(() => instance.sockets.size === 0);
});

test('connections to the instance are kept: a hundred requests in turn go over one', async (t) => {
  const plane = await startPlane(t);
  const instance = await startHttp1Instance(t);
  await plane.serve('one', [instance], HTTP1);
  for (let i = 0; i < 50; i++) {
    t.is((await ask(plane.address, 'one', { path: `/${i}` })).status, 200);
    t.is((await ask(plane.address, 'one', { method: 'POST', body: 'x' })).status, 200);
  }
  t.is(instance.used.size, 1);
});

test('an instance gets no more requests at once than it may have connections; the others wait', async (t) => {
  const plane = await startPlane(t);
  const waiting: (() => void)[] = [];
  const instance = await startHttp1Instance(t, (_req, res) => waiting.push(() => res.end('ok')));
  const counters = await plane.serve('one', [instance], { ...HTTP1, limits: { connectionsPerInstance: 3 } });
  const replies = Array.from({ length: 8 }, () => ask(plane.address, 'one'));
  await eventually(() => waiting.length === 3 && counters.pending === 5);
  t.is(counters.inFlight, 8);
  t.is(counters.upstreamInFlight, 3);
  while (waiting.length > 0) {
    for (const answer of waiting.splice(0)) answer();
    await eventually(() => waiting.length > 0 || counters.inFlight === 0);
  }
  for (const reply of await Promise.all(replies)) t.is(reply.status, 200);
  t.is(instance.used.size, 3);
  t.deepEqual(counters.attempts(instance.address), { ok: 8 });
});

test('a client of HTTP/1.0 gets an answer that ends with the connection, or as it asks', async (t) => {
  const plane = await startPlane(t, { defaultService: 'one' });
  await plane.serve('one', [await startHttp1Instance(t)], HTTP1);
  const client = new RawClient(t, plane.address);
  client.send('GET /old HTTP/1.0\r\n\r\n');
  const text = await client.end();
  t.regex(text, /^HTTP\/1\.1 200 OK\r\n/);
  t.notRegex(text, /transfer-encoding/i);
  t.true(text.endsWith('\r\n\r\nGET /old '));
});

test('a method, a version and a service that are found over HTTP/2 are found over HTTP/1.1, with the same errors', async (t) => {
  const plane = await startPlane(t);
  const v1 = await startHttp1Instance(t, (_req, res) => res.end('one'));
  const v2 = await startHttp1Instance(t, (_req, res) => res.end('two'));
  const counters = await plane.serve(
    'shop',
    [
      { address: v1.address, version: 'v1' },
      { address: v2.address, version: 'v2' },
    ],
    HTTP1,
  );
  const at = (headers: Record<string, string>, host = 'shop:80') => ask(plane.address, host, { headers });
  t.is(String((await at({ 'x-version': 'v1' })).body), 'one');
  t.is(String((await at({ 'x-version': 'v2' })).body), 'two');
  const none = await at({ 'x-version': 'v3' });
  t.deepEqual([none.status, none.headers['x-outrigger-reason']], [503, 'no_version']);
  t.is(String(none.body), 'no match found conn: service "shop" has no instance of version "v3" (v1: 1, v2: 1)\n');
  const lost = await at({}, 'nobody');
  t.deepEqual([lost.status, lost.headers['x-outrigger-reason']], [404, 'no_route']);
  t.regex(String(lost.body), /^no service for \/ at authority "nobody"/);
  const named = await at({ 'x-outrigger-service': 'shop', 'x-version': 'v2', 'x-outrigger-debug': '1' }, 'nobody');
  t.deepEqual([named.headers['x-outrigger-instance'], named.headers['x-outrigger-version']], [v2.address, 'v2']);
  t.is(v2.requests[1]?.headers['x-outrigger-service'], undefined);
  await eventually(() => counters.inFlight === 0);
  t.deepEqual(counters.requests, { '2xx -': 3, '5xx -': 1 });
  t.is(counters.rejected('no_version'), 1);
});

test('gRPC for a service that speaks HTTP/1.1 is answered 12 with the reason, and sent nowhere', async (t) => {
  const plane = await startPlane(t);
  const instance = await startHttp1Instance(t);
  const counters = await plane.serve('one', [instance], HTTP1);
  const app = await startApp(t, plane);
  const call = app.call('one');
  t.is(await call.ended(), '12 protocol_mismatch');
  t.regex(call.message, /service "one" speaks HTTP\/1\.1 .*gRPC needs HTTP\/2/);
  t.is(instance.requests.length, 0);
  t.is(counters.rejected('protocol_mismatch'), 1);
});

test('gRPC in HTTP/1.1 reaches an instance of HTTP/2, and its status comes as a trailer', async (t) => {
  const plane = await startPlane(t);
  const instance = await startInstance(t, {
    ended: (request) => {
      request.headers([':status', '200', 'content-type', 'application/grpc']);
      request.data(request.body);
      request.end(['grpc-status', '0']);
    },
  });
  const counters = await plane.serve('two', [instance]);
  const reply = await ask(plane.address, 'two', {
    method: 'POST',
    headers: { 'content-type': 'application/grpc', te: 'trailers', connection: 'te' },
    body: '12345',
  });
  t.deepEqual([reply.trailers['grpc-status'], String(reply.body)], ['0', '12345']);
  await eventually(() => counters.requests['2xx 0'] === 1);
});

test('`Upgrade: h2c` is ignored: the request is served as what it is', async (t) => {
  const plane = await startPlane(t);
  await plane.serve('one', [await startHttp1Instance(t)], HTTP1);
  const client = new RawClient(t, plane.address);
  client.send(
    'POST /x HTTP/1.1\r\nhost: one\r\nconnection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\ncontent-length: 2\r\n\r\nhi',
  );
  await client.until(/^HTTP\/1\.1 200 OK\r\n.*POST \/x hi/s);
  client.send('GET /y HTTP/1.1\r\nhost: one\r\nconnection: close\r\n\r\n');
  t.regex(await client.end(), /GET \/y /);
});

test('HTTP/1.1 and HTTP/2 are told apart however little comes at once', async (t) => {
  const plane = await startPlane(t);
  await plane.serve('one', [await startHttp1Instance(t)], HTTP1);
  for (const method of ['PUT', 'GET', 'PROPFIND']) {
    const client = new RawClient(t, plane.address);
    client.socket.setNoDelay(true);
    for (const octet of `${method} / HTTP/1.1\r\nhost: one\r\nconnection: close\r\n\r\n`) {
      client.send(octet);
      await new Promise(setImmediate);
    }
    t.regex(await client.end(), new RegExp(`${method} / `));
  }
});

test('a service goes over to HTTP/1.1 while it is served, and an instance that stays is spoken to anew', async (t) => {
  const plane = await startPlane(t);
  const two = await startInstance(t, echo2);
  const one = await startHttp1Instance(t);
  const both = createServer((socket) => {
    socket.once('data', (first: Buffer) => {
      const to = first.toString('latin1', 0, 3) === 'PRI' ? two : one;
      const onward = connect({ host: '127.0.0.1', port: Number(to.address.split(':')[1]) });
      onward.write(first);
      socket.pipe(onward).pipe(socket);
      for (const end of [socket, onward]) end.on('error', () => {});
      t.teardown(() => onward.destroy());
    });
    t.teardown(() => socket.destroy());
  });
  t.teardown(() => both.close());
  both.listen(0, '127.0.0.1');
  await once(both, 'listening');
  const address = `127.0.0.1:${(both.address() as AddressInfo).port}`;
  await plane.serve('shop', [{ address }]);
  t.is((await ask(plane.address, 'shop')).headers['x-host'], 'shop');
  // A connection that was ready for so long is replaced at once.
  plane.skip(10_000);
  plane.tell('shop', [{ address }], HTTP1);
  t.is((await ask(plane.address, 'shop', { path: '/one' })).headers['x-method'], 'GET');
  t.is(one.requests.length, 1);
});

const curlTest = present('curl') ? test : test.skip;

const curl = (plane: Plane, ...args: string[]): Promise<string> =>
  run(['-H', 'host: one', ...args, `http://${plane.address}/x`]);

async function run(args: readonly string[]): Promise<string> {
  const child = spawn('curl', ['-sS', '--max-time', '20', ...args]);
  let text = '';
  child.stdout.on('data', (piece) => {
    text += piece;
  });
  child.stderr.on('data', (piece) => {
    text += piece;
  });
  await once(child, 'close');
  return text;
}

curlTest('curl works in each of its protocols', async (t) => {
  const plane = await startPlane(t);
  await plane.serve('one', [await startHttp1Instance(t)], HTTP1);
  for (const flag of ['--http1.0', '--http1.1', '--http2', '--http2-prior-knowledge']) {
    t.is(await curl(plane, flag, '-d', 'form=1'), 'POST /x form=1', flag);
    t.is(await curl(plane, flag), 'GET /x ', flag);
  }
  t.regex(await curl(plane, '--http1.1', '-I'), /^HTTP\/1\.1 200 OK/);
});

curlTest('the README’s curl lines work as they stand', async (t) => {
  const plane = await startPlane(t);
  await plane.serve('web', [await startHttp1Instance(t)], HTTP1);
  await plane.serve('book', [await startInstance(t, echo2)]);
  const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8');
  const [, section = ''] = readme.split('## HTTP/1.1 and WebSocket');
  const lines = [...(section.split('\n## ')[0] as string).matchAll(/^curl ([^#\n]+)/gm)].map(
    ([, args]) => args as string,
  );
  t.is(lines.length, 3);
  for (const line of lines) {
    const args =
      line
        .trim()
        .replace('localhost:15001', plane.address)
        .match(/'[^']+'|\S+/g) ?? [];
    const plain = args.map((word) => word.replaceAll("'", ''));
    t.is(await run(plain), 'GET / ', line);
  }
});
