import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { createServer as createTcpServer, type Server } from 'node:net';
import { createSecureContext } from 'node:tls';
import test from 'ava';
import type { ProbeTls } from '../../../src/control/health/probes/connect.ts';
import { GrpcProbe } from '../../../src/control/health/probes/grpc.ts';
import { probeHttp } from '../../../src/control/health/probes/http.ts';
import { probeTcp } from '../../../src/control/health/probes/tcp.ts';
import type { UpstreamTls } from '../../../src/model/tls.ts';
import { lookOnce, NO_EVENTS, type ProbedInstance, probeContract } from '../../contract/probe.ts';
import { Authority, type Issued } from '../../support/certificates.ts';
import { startGrpcServer } from '../../support/grpc_server.ts';

const LONG = 20_000;
const authority = new Authority();
const issued = contents(authority.issue());
const ofClient = contents(authority.issue({ names: ['URI:spiffe://test/sidecar'] }));

function contents({ cert, key }: Issued) {
  return { cert: readFileSync(cert), key: readFileSync(key) };
}

function secure(tls: Partial<UpstreamTls> = {}, own: Parameters<typeof createSecureContext>[0] = {}): ProbeTls {
  const context = createSecureContext({ ca: readFileSync(authority.ca), ...own });
  return { tls: { material: 'm', serverName: null, alpn: null, verify: [], ...tls }, context: () => context };
}

for (const watch of [true, false]) {
  for (const isSecure of [true, false]) {
    probeContract(
      test,
      `grpc${watch ? ' with Watch' : ''}${isSecure ? ' over TLS' : ''}`,
      (route) => new GrpcProbe({ service: '', watch }, { ...route, secure: isSecure ? secure() : null }, NO_EVENTS),
      async () => {
        const server = await startGrpcServer(isSecure ? { tls: issued } : {});
        return {
          target: { host: '127.0.0.1', port: server.port },
          set: (well) => server.health(well),
          stop: () => server.stop(),
        };
      },
      { speaks: true },
    );
  }
}

for (const isSecure of [true, false]) {
  probeContract(
    test,
    isSecure ? 'http over TLS' : 'http',
    (route) => probeHttp('/healthz', { ...route, secure: isSecure ? secure() : null }),
    () => openHttp(isSecure),
    { speaks: true },
  );
}

async function openHttp(isSecure: boolean): Promise<ProbedInstance> {
  let well = true;
  const answer: RequestListener = (request, response) => {
    response.writeHead(request.url === '/healthz' && well ? 204 : 503).end();
  };
  const server = isSecure ? createHttpsServer(issued, answer) : createServer(answer);
  return {
    target: { host: '127.0.0.1', port: await listening(server) },
    set(now) {
      well = now;
    },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as { port: number }).port;
}

probeContract(
  test,
  'tcp',
  probeTcp,
  async () => {
    const server = createTcpServer((socket) => socket.on('error', () => {}).resume());
    return {
      target: { host: '127.0.0.1', port: await listening(server) },
      async stop() {
        server.close();
        await once(server, 'close');
      },
    };
  },
  { speaks: false },
);

test('grpc: a service that the health service does not know fails by name', async (t) => {
  const server = await startGrpcServer();
  try {
    for (const watch of [true, false]) {
      const route = { target: { host: '127.0.0.1', port: server.port }, secure: null, timeout: LONG };
      const result = await lookOnce(new GrpcProbe({ service: 'no.such.Service', watch }, route, NO_EVENTS));
      t.deepEqual(result, { ok: false, reason: 'its health service does not know "no.such.Service"' });
    }
  } finally {
    server.stop();
  }
});

test('over TLS: who the instance is counts as it does for requests, and what is wrong is said', async (t) => {
  const server = await startGrpcServer({ tls: { ...issued, ca: readFileSync(authority.ca) } });
  const look = (tls: ProbeTls | null) =>
    lookOnce(
      new GrpcProbe(
        { service: '', watch: true },
        { target: { host: '127.0.0.1', port: server.port }, secure: tls, timeout: LONG },
        NO_EVENTS,
      ),
    );
  const failure = async (tls: ProbeTls | null): Promise<string> => {
    const result = await look(tls);
    return result.ok ? 'well' : result.reason;
  };
  try {
    t.deepEqual(await look(secure({}, ofClient)), { ok: true });
    t.deepEqual(await look(secure({ verify: ['127.0.0.1'] }, ofClient)), { ok: true });
    t.regex(await failure(secure({ serverName: 'other.example' }, ofClient)), /other\.example/);
    t.regex(await failure(secure({ verify: ['spiffe://a/b'] }, ofClient)), /none of that is in "tls.verify"/);
    t.regex(await failure(secure({}, { ...ofClient, ca: readFileSync(new Authority('Another').ca) })), /no authority/);
    t.regex(await failure(secure()), /certificate|closed the connection/);
    t.regex(await failure(null), /closed|does not speak/);
    t.is(
      await failure({
        ...secure(),
        context() {
          throw new Error('there are none');
        },
      }),
      'there are none',
    );
  } finally {
    server.stop();
  }
});

test('http: a redirect is well, an error is told with its status', async (t) => {
  const server = createServer((request, response) => {
    response.writeHead(request.url === '/moved' ? 302 : 500, { location: '/' }).end();
  });
  const route = { target: { host: '127.0.0.1', port: await listening(server) }, secure: null, timeout: LONG };
  try {
    t.deepEqual(await lookOnce(probeHttp('/moved', route)), { ok: true });
    t.deepEqual(await lookOnce(probeHttp('/x', route)), { ok: false, reason: '/x answered with status 500' });
  } finally {
    server.close();
  }
});
