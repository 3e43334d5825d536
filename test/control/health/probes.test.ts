import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import { createServer as createTcpServer } from 'node:net';
import test from 'ava';
import { probeGrpc } from '../../../src/control/health/probes/grpc.ts';
import { probeHttp } from '../../../src/control/health/probes/http.ts';
import { probeTcp } from '../../../src/control/health/probes/tcp.ts';
import { probeContract } from '../../contract/probe.ts';
import { startGrpcServer } from '../../support/grpc_server.ts';

const LONG = { timeout: 20_000 };

probeContract(
  test,
  'grpc',
  probeGrpc(''),
  async () => {
    const server = await startGrpcServer();
    return {
      target: { host: '127.0.0.1', port: server.port },
      set: (well) => server.health(well),
      stop: () => server.stop(),
    };
  },
  { speaks: true },
);

probeContract(
  test,
  'http',
  probeHttp('/healthz'),
  async () => {
    let well = true;
    const server = createServer((request, response) => {
      response.writeHead(request.url === '/healthz' && well ? 204 : 503).end();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return {
      target: { host: '127.0.0.1', port: (server.address() as { port: number }).port },
      set(now) {
        well = now;
      },
      async stop() {
        server.closeAllConnections();
        server.close();
        await once(server, 'close');
      },
    };
  },
  { speaks: true },
);

probeContract(
  test,
  'tcp',
  probeTcp,
  async () => {
    const server = createTcpServer((socket) => socket.on('error', () => {}).resume()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return {
      target: { host: '127.0.0.1', port: (server.address() as { port: number }).port },
      async stop() {
        server.close();
        await once(server, 'close');
      },
    };
  },
  { speaks: false },
);

test('grpc: a server without a health service is well, and that is noted', async (t) => {
  const server = createHttp2Server((_request, response) => {
    response.stream.respond(
      { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '12' },
      { endStream: true },
    );
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const { port } = server.address() as { port: number };
    const result = await probeGrpc('')({ host: '127.0.0.1', port }, LONG);
    t.true(result.ok && /no grpc.health.v1/.test(result.note ?? ''), JSON.stringify(result));
  } finally {
    server.close();
  }
});

test('grpc: a service that the health service does not know fails by name', async (t) => {
  const server = await startGrpcServer();
  try {
    const result = await probeGrpc('no.such.Service')({ host: '127.0.0.1', port: server.port }, LONG);
    t.deepEqual(result, { ok: false, reason: 'its health service does not know "no.such.Service"' });
  } finally {
    server.stop();
  }
});

test('http: a redirect is well, an error is told with its status', async (t) => {
  const server = createServer((request, response) => {
    response.writeHead(request.url === '/moved' ? 302 : 500, { location: '/' }).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const target = { host: '127.0.0.1', port: (server.address() as { port: number }).port };
    t.deepEqual(await probeHttp('/moved')(target, LONG), { ok: true });
    t.deepEqual(await probeHttp('/x')(target, LONG), { ok: false, reason: '/x answered with status 500' });
  } finally {
    server.close();
  }
});
