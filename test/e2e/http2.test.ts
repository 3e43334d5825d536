import { once } from 'node:events';
import * as http2 from 'node:http2';
import { join } from 'node:path';
import test from 'ava';
import { connectEcho } from '../support/echo_client.ts';
import { startGrpcServer } from '../support/grpc_server.ts';
import { startProcess } from '../support/process.ts';
import { serialTestWith } from '../support/requires.ts';
import { type Sidecar, startSidecar, temporaryDirectory } from '../support/sidecar.ts';

/** What HTTP/2 knows and gRPC does not use: other methods, statuses, bodies of any shape, 1xx. */
let origin: http2.Http2Server;
let sidecar: Sidecar;
let session: http2.ClientHttp2Session;

test.before(async () => {
  origin = http2.createServer().listen(0, '127.0.0.1');
  await once(origin, 'listening');
  origin.on('stream', (stream, headers) => {
    const url = new URL(String(headers[':path']), 'http://origin');
    stream.on('error', () => {});
    if (url.pathname === '/status') {
      stream.respond(
        { ':status': Number(url.searchParams.get('code')), 'x-method': headers[':method'] },
        { endStream: true },
      );
    } else if (url.pathname === '/early') {
      stream.additionalHeaders({ ':status': 103, link: '</style.css>; rel=preload' });
      stream.respond({ ':status': 200 });
      stream.end('late');
    } else if (url.pathname === '/reset') {
      if (!url.searchParams.has('after')) stream.close(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM);
      else {
        stream.respond({ ':status': 200 });
        // `close` would end the stream in good order first; this is INTERNAL_ERROR.
        stream.write('x', () => stream.destroy(new Error('broken')));
      }
    } else if (url.pathname === '/cookies') {
      stream.respond({ ':status': 200, 'set-cookie': ['a=1', 'b=2'], 'x-cookie': headers.cookie ?? '' });
      stream.end();
    } else {
      const trailers = { 'x-length': '0' };
      let length = 0;
      stream.respond(
        { ':status': 200, 'x-method': headers[':method'], 'x-path': headers[':path'] },
        { waitForTrailers: true },
      );
      stream.on('wantTrailers', () => stream.sendTrailers({ ...trailers, 'x-length': String(length) }));
      stream.on('data', (chunk: Buffer) => {
        length += chunk.length;
      });
      stream.pipe(stream);
    }
  });
  const { port } = origin.address() as { port: number };
  sidecar = await startSidecar({
    registries: { here: { type: 'static' } },
    services: { web: { registry: 'here', instances: [{ address: `127.0.0.1:${port}` }] } },
  });
  await sidecar.untilReady('web', 1);
  session = http2.connect(`http://${sidecar.address}`);
});

test.after.always(async () => {
  session?.destroy();
  await sidecar?.kill();
  origin?.close();
});

interface Response {
  readonly headers: http2.IncomingHttpHeaders;
  readonly information: readonly number[];
  readonly trailers: http2.IncomingHttpHeaders;
  readonly body: Buffer;
  readonly resetCode: number;
}

async function request(headers: http2.OutgoingHttpHeaders, body: readonly Buffer[] = []): Promise<Response> {
  const stream = session.request({ ':authority': 'web', ...headers }, { endStream: body.length === 0 });
  const chunks: Buffer[] = [];
  const information: number[] = [];
  let received: http2.IncomingHttpHeaders = {};
  let trailers: http2.IncomingHttpHeaders = {};
  stream.on('headers', (early) => information.push(Number(early[':status'])));
  stream.on('response', (response) => {
    received = response;
  });
  stream.on('trailers', (last) => {
    trailers = last;
  });
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.on('error', () => {});
  for (const part of body) stream.write(part);
  if (body.length > 0) stream.end();
  await new Promise((resolve) => stream.once('close', resolve));
  return { headers: received, information, trailers, body: Buffer.concat(chunks), resetCode: stream.rstCode ?? 0 };
}

const status = (response: Response) => Number(response.headers[':status']);

for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
  test(`${method} passes with its path, query and body`, async (t) => {
    const body = method === 'GET' ? [] : [Buffer.from('some '), Buffer.from('body')];
    const response = await request({ ':method': method, ':path': '/Echo?Query=%20x' }, body);
    t.is(status(response), 200);
    t.is(response.headers['x-method'], method);
    t.is(response.headers['x-path'], '/Echo?Query=%20x');
    t.is(response.body.toString(), body.join(''));
    t.is(response.trailers['x-length'], String(response.body.length));
  });
}

test('HEAD is answered without a body', async (t) => {
  const response = await request({ ':method': 'HEAD', ':path': '/status?code=200' });
  t.is(status(response), 200);
  t.is(response.body.length, 0);
});

for (const code of [204, 304, 404, 500, 503]) {
  test(`an instance's own ${code} passes as it is`, async (t) => {
    const response = await request({ ':path': `/status?code=${code}` });
    t.is(status(response), code);
    t.is(response.headers['x-outrigger-reason'], undefined);
  });
}

test('1xx answers come before the final one', async (t) => {
  const response = await request({ ':path': '/early' });
  t.deepEqual(response.information, [103]);
  t.is(status(response), 200);
  t.is(response.body.toString(), 'late');
});

test('a reset by the instance after its headers reaches the client with its code', async (t) => {
  const response = await request({ ':path': '/reset?after=headers' });
  t.is(status(response), 200);
  t.is(response.resetCode, http2.constants.NGHTTP2_INTERNAL_ERROR);
});

test('a reset by the instance before its headers is answered with an error that names the code', async (t) => {
  const response = await request({ ':path': '/reset' });
  t.is(status(response), 502);
  t.is(response.headers['x-outrigger-reason'], 'upstream_reset');
  t.regex(response.body.toString(), /ENHANCE_YOUR_CALM/);
});

test('headers with several values stay several', async (t) => {
  const response = await request({ ':path': '/cookies', cookie: ['c=3', 'd=4'] });
  t.deepEqual(response.headers['set-cookie'], ['a=1', 'b=2']);
  t.is(response.headers['x-cookie'], 'c=3; d=4');
});

test('a large body with a content-length passes whole', async (t) => {
  const body = Buffer.alloc(3_000_000, 'abcdefg');
  const response = await request({ ':method': 'POST', ':path': '/', 'content-length': body.length }, [body]);
  t.true(response.body.equals(body));
});

test('a request that is not gRPC gets an HTTP error with a text and the reason', async (t) => {
  const response = await request({ ':path': '/', ':authority': 'nobody' });
  t.is(status(response), 404);
  t.is(response.headers['x-outrigger-reason'], 'no_route');
  t.regex(String(response.headers['content-type']), /^text\/plain/);
  t.regex(response.body.toString(), /nobody/);
});

serialTestWith('curl')('curl with prior knowledge gets an answer', async (t) => {
  const url = `http://${sidecar.address}/Echo`;
  const curl = startProcess('curl', [
    '-sS',
    '--http2-prior-knowledge',
    '-i',
    '-d',
    'from curl',
    '-H',
    'x-outrigger-service: web',
    url,
  ]);
  t.is(await curl.exited, 0, curl.output());
  t.regex(curl.stdout(), /^HTTP\/2 200/);
  t.regex(curl.stdout(), /from curl/);
});

for (const [what, config, count] of [
  ['a unix socket beside a port', { listen: ['127.0.0.1:0', 'unix:SOCKET'] }, 4],
  ['several data threads on one port', { workers: 2 }, 12],
  ['several data threads on a port and a unix socket', { workers: 2, listen: ['127.0.0.1:0', 'unix:SOCKET'] }, 12],
] as const) {
  test.serial(`${what}: every client is served, and the sidecar ends with 0`, async (t) => {
    const socket = `unix:${join(temporaryDirectory(), 'outrigger.sock')}`;
    const server = await startGrpcServer();
    t.teardown(() => server.stop());
    const settings = JSON.parse(JSON.stringify(config).replace('unix:SOCKET', socket)) as { listen?: string[] };
    const other = await startSidecar({
      ...settings,
      registries: { here: { type: 'static' } },
      services: { echo: { registry: 'here', instances: [{ address: server.address }] } },
    });
    t.teardown(() => other.kill());
    const addresses = settings.listen ? [other.address, socket] : [other.address];
    const clients = Array.from({ length: count }, (_, i) => connectEcho(addresses[i % addresses.length] as string));
    t.teardown(() => {
      for (const client of clients) client.close();
    });
    for (const client of clients) t.is((await client.unary('x', { deadlineMs: 20_000 })).code, 0);
    t.is(await other.stop(), 0, other.output());
  });
}

test.serial(
  'an instance at a unix socket behind a listener at one: unary and streaming gRPC calls pass whole',
  async (t) => {
    const directory = temporaryDirectory();
    const instance = `unix:${join(directory, 'instance.sock')}`;
    const listen = `unix:${join(directory, 'outrigger.sock')}`;
    const server = await startGrpcServer({ address: instance });
    t.teardown(() => server.stop());
    const other = await startSidecar({
      listen: ['127.0.0.1:0', listen],
      registries: { here: { type: 'static' } },
      services: { echo: { registry: 'here', instances: [{ address: instance }] } },
    });
    t.teardown(() => other.kill());
    await other.untilReady('echo', 1);
    const client = connectEcho(listen);
    t.teardown(() => client.close());
    const payload = Buffer.alloc(300_000, 'abcdefg');
    for (let i = 0; i < 5; i++) {
      const outcome = await client.unary(payload, { deadlineMs: 20_000, metadata: [['trail-x', String(i)]] });
      t.is(outcome.code, 0, outcome.details);
      t.true(outcome.replies[0]?.payload.equals(payload));
      t.deepEqual(outcome.trailers.get('trail-x'), [String(i)]);
    }
    const streamed = await client.bidi([payload, payload, 'last'], { deadlineMs: 20_000 });
    t.is(streamed.code, 0, streamed.details);
    t.deepEqual(
      streamed.replies.map((reply) => reply.payload.length),
      [payload.length, payload.length, 4],
    );
    t.is(server.calls(), 6);
    client.close();
    t.is(await other.stop(), 0, other.output());
  },
);
