import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import {
  createServer as createHttp2Server,
  createSecureServer,
  type Http2SecureServer,
  type SecureServerOptions,
} from 'node:http2';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import test, { type ExecutionContext } from 'ava';
import type { TlsFailureReason } from '../../../src/base/tls_failure.ts';
import { probe } from '../../../src/dataplane/upstream/probe.ts';
import { parseAddress } from '../../../src/model/instance.ts';
import type { TlsMaterial, UpstreamTls } from '../../../src/model/tls.ts';
import { Authority, FUTURE, PAST, pemOf } from '../../support/certificates.ts';
import { eventually } from '../../support/eventually.ts';
import { type Plane, startPlane } from '../../support/plane.ts';
import { startApp } from '../../support/plane_app.ts';
import { present } from '../../support/requires.ts';

const testWith = present('openssl') ? test : test.skip;
const ID = 'services.book.tls';
const TLS: UpstreamTls = { material: ID, serverName: null, alpn: ['h2'], verify: [] };

function materialOf(authority: Authority, more: Partial<TlsMaterial> = {}): TlsMaterial {
  return { id: ID, ca: readFileSync(authority.ca, 'utf8'), cert: null, key: null, minVersion: 'TLSv1.2', ...more };
}

async function listening(t: ExecutionContext<unknown>, server: Server | Http2SecureServer): Promise<string> {
  const sockets = new Set<Socket>();
  (server as Server).on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** An instance that speaks TLS, and what it saw. */
async function startSecureInstance(t: ExecutionContext<unknown>, options: SecureServerOptions) {
  const seen: { reused: boolean; name: string | false | null; client: string }[] = [];
  const server = createSecureServer(options, (_request, response) => response.end('fine'));
  server.on('secureConnection', (socket) => {
    const client = socket.getPeerX509Certificate()?.subjectAltName ?? '';
    seen.push({ reused: socket.isSessionReused(), name: socket.servername ?? null, client });
  });
  server.on('sessionError', () => {});
  return { address: await listening(t, server), seen, server };
}

const start = (t: ExecutionContext<unknown>, material: TlsMaterial): Promise<Plane> =>
  startPlane(t, { tls: { materials: [material], ticketSecret: Buffer.alloc(32) } });

/** The text with which a request for the only instance fails. */
async function failureOf(t: ExecutionContext<unknown>, plane: Plane, address: string, tls: UpstreamTls | null = TLS) {
  plane.tell('book', [{ address }], { tls });
  await eventually(() => plane.states('book')[0] === 'backoff');
  const app = await startApp(t, plane);
  const call = app.call('book');
  t.is(await call.ended(), '14 connect_failed');
  return call.message;
}

testWith(
  'requests go to an instance over TLS: by its address, by a name of its own, or by a listed name',
  async (t) => {
    const authority = new Authority();
    const plane = await start(t, materialOf(authority, pemOf(authority.issue({ names: ['URI:spiffe://t/me'] }))));
    const common = { ca: readFileSync(authority.ca, 'utf8'), requestCert: true };
    for (const [names, tls, sni] of [
      [['IP:127.0.0.1'], TLS, false],
      [['DNS:book.example'], { ...TLS, serverName: 'book.example' }, 'book.example'],
      [['URI:spiffe://t/book'], { ...TLS, verify: ['spiffe://t/other', 'spiffe://t/book'] }, false],
      [['DNS:*.example'], { ...TLS, verify: ['book.example'] }, false],
    ] as const) {
      const instance = await startSecureInstance(t, { ...common, ...pemOf(authority.issue({ names })) });
      await plane.serve('book', [{ address: instance.address }], { tls });
      const app = await startApp(t, plane);
      const call = app.call('book', { grpc: false, body: Buffer.alloc(300_000) });
      await call.ended();
      t.is(call.status, 200);
      t.like(instance.seen[0], { name: sni, client: 'URI:spiffe://t/me' });
    }
  },
);

testWith(
  'what is wrong with an instance is told to callers, to the log and to the control plane, and counted',
  async (t) => {
    const authority = new Authority();
    const stranger = new Authority('Somebody Else');
    const serve = async (options: SecureServerOptions): Promise<string> =>
      (await startSecureInstance(t, options)).address;
    const good = pemOf(authority.issue());
    const ca = readFileSync(authority.ca, 'utf8');
    const cases: [TlsFailureReason, RegExp, string, UpstreamTls?][] = [
      [
        'expired',
        /its certificate has expired \(CERT_HAS_EXPIRED\)/,
        await serve(pemOf(authority.issue({ valid: PAST }))),
      ],
      ['not_yet_valid', /its certificate is not valid yet/, await serve(pemOf(authority.issue({ valid: FUTURE })))],
      ['unknown_ca', /signed by no authority that is trusted here/, await serve(pemOf(stranger.issue()))],
      [
        'wrong_name',
        /127\.0\.0\.1 is not in the cert's list/,
        await serve(pemOf(authority.issue({ names: ['DNS:a.example'] }))),
      ],
      [
        'wrong_name',
        /its certificate is for localhost, 127\.0\.0\.1, and none of that is in "tls\.verify"/,
        await serve(good),
        { ...TLS, verify: ['spiffe://t/b'] },
      ],
      [
        'no_certificate',
        /it wants a client certificate/,
        await serve({ ...good, ca, requestCert: true, rejectUnauthorized: true }),
      ],
      [
        'no_alpn',
        /it offers no HTTP\/2 \(h2\) by ALPN/,
        await listening(t, createTlsServer({ ...good, ALPNProtocols: ['http/1.1'] })),
      ],
      ['no_alpn', /it offers no HTTP\/2 \(h2\) by ALPN/, await listening(t, createTlsServer(good))],
      [
        'plaintext',
        /it does not speak TLS/,
        await listening(
          t,
          createTcpServer((socket) => socket.write('HTTP/1.1 400 Bad Request\r\n')),
        ),
      ],
      ['plaintext', /it does not speak TLS/, await listening(t, createHttp2Server())],
      [
        'closed',
        /it closed the connection during the TLS handshake/,
        await listening(
          t,
          createTcpServer((socket) => socket.once('data', () => socket.destroy())),
        ),
      ],
      ['version', /no TLS version and cipher that both sides speak/, await serve({ ...good, maxVersion: 'TLSv1.2' })],
    ];
    for (const [reason, words, address, tls] of cases) {
      const plane = await start(t, materialOf(authority, reason === 'version' ? { minVersion: 'TLSv1.3' } : {}));
      t.regex(await failureOf(t, plane, address, tls ?? TLS), words);
      t.true(plane.tlsFailures('upstream', reason) >= 1, reason);
      t.regex(plane.said('endpoint_error').at(-1)?.error ?? '', words);
      t.true(plane.said('log').some(({ fields }) => words.test(String(fields.detail))));
    }
  },
);

testWith(
  'an instance that speaks TLS where plain HTTP/2 was expected is told as that, if it says anything',
  async (t) => {
    const plane = await startPlane(t);
    const alert = await listening(
      t,
      createTcpServer((socket) => socket.end(Buffer.from([21, 3, 3, 0, 2, 2, 70]))),
    );
    t.regex(await failureOf(t, plane, alert, null), /it speaks TLS: give the service "tls"/);
    const other = await startPlane(t);
    const http1 = await listening(
      t,
      createTcpServer((socket) => socket.end('HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request')),
    );
    t.regex(await failureOf(t, other, http1, null), /it answers in HTTP\/1: give the service "protocol: http\/1.1"/);
  },
);

testWith('an error is told again when it is another one, and taken back when the instance is well', async (t) => {
  const authority = new Authority();
  const instance = await startSecureInstance(t, pemOf(authority.issue({ valid: PAST })));
  const plane = await start(t, materialOf(authority));
  await failureOf(t, plane, instance.address);
  await eventually(() => (plane.data.get('book')?.endpoints[0]?.failures ?? 0) >= 2);
  instance.server.setSecureContext(pemOf(authority.issue()));
  await eventually(() => plane.states('book')[0] === 'ready', 30_000);
  const told = plane.said('endpoint_error').map(({ error }) => error);
  t.regex(told[0] ?? '', /has expired/);
  t.is(told.at(-1), null);
  t.is(told.length, 2, 'not with every attempt');
});

testWith('a connection after the first resumes its session, until the certificates are others', async (t) => {
  const authority = new Authority();
  const instance = await startSecureInstance(t, pemOf(authority.issue()));
  const plane = await start(t, materialOf(authority));
  await plane.serve('book', [{ address: instance.address }], { tls: TLS });
  const reconnect = async (): Promise<boolean | undefined> => {
    const before = instance.seen.length;
    // Old enough to be replaced at once.
    plane.skip(5_000);
    plane.data.get('book')?.endpoints[0]?.freeConnection()?.destroy('again');
    await eventually(() => instance.seen.length > before && plane.states('book')[0] === 'ready');
    return instance.seen.at(-1)?.reused;
  };
  await eventually(() => plane.data.get('book')?.endpoints[0]?.tlsSession !== null);
  t.true(await reconnect());
  plane.data.receive({ kind: 'tls_material', material: materialOf(authority, pemOf(authority.issue())) });
  t.false(await reconnect());
  t.true(await reconnect());
});

testWith('authorities that are no longer trusted end no connection, and let no new one come about', async (t) => {
  const authority = new Authority();
  const instance = await startSecureInstance(t, pemOf(authority.issue()));
  const plane = await start(t, materialOf(authority));
  await plane.serve('book', [{ address: instance.address }], { tls: TLS });
  plane.data.receive({ kind: 'tls_material', material: materialOf(new Authority('Another')) });
  const app = await startApp(t, plane);
  const call = app.call('book', { grpc: false });
  await call.ended();
  t.is(call.status, 200);
  plane.skip(5_000);
  plane.data.get('book')?.endpoints[0]?.freeConnection()?.destroy('again');
  await eventually(() => /no authority/.test(plane.said('endpoint_error').at(-1)?.error ?? ''));
  t.pass();
});

testWith('a large answer over TLS passes whole when the app reads slowly', async (t) => {
  const authority = new Authority();
  const body = Buffer.from(Uint8Array.from({ length: 2 << 20 }, (_, at) => (at * 31 + (at >> 9)) & 0xff));
  const server = createSecureServer(pemOf(authority.issue()), (_request, response) => response.end(body));
  const address = await listening(t, server);
  const plane = await start(t, materialOf(authority));
  await plane.serve('book', [{ address }], { tls: TLS });
  const { connect } = await import('node:http2');
  const session = connect(`http://${plane.address}`);
  t.teardown(() => session.destroy());
  const streams = Array.from({ length: 4 }, () => session.request({ ':path': '/', 'x-outrigger-service': 'book' }));
  for (const stream of streams) {
    const pieces: Buffer[] = [];
    // One after the other: the rest has to wait in the sidecar meanwhile.
    for await (const piece of stream) pieces.push(piece as Buffer);
    t.true(Buffer.concat(pieces).equals(body));
  }
});

testWith('a probe says of each instance how connecting goes, with a hint', async (t) => {
  const authority = new Authority();
  const material = materialOf(authority);
  const ca = readFileSync(authority.ca, 'utf8');
  const serve = async (options: SecureServerOptions): Promise<string> =>
    (await startSecureInstance(t, options)).address;
  const tried = async (address: string, tls: UpstreamTls | null = TLS): Promise<string> => {
    const target = parseAddress(address);
    if (target === null) throw new Error(address);
    const result = await probe(target, tls === null ? null : { tls, material });
    return result.ok ? `fine: ${result.text}` : `${result.text} -> ${result.hint}`;
  };
  t.regex(
    await tried(await serve(pemOf(authority.issue()))),
    /^fine: TLSv1\.3, h2, certificate for localhost, 127\.0\.0\.1, valid until \d{4}-\d\d-\d\d$/,
  );
  t.is(await tried(await listening(t, createHttp2Server()), null), 'fine: HTTP/2');
  const expired = await tried(await serve(pemOf(authority.issue({ valid: PAST, subject: '/CN=old' }))));
  t.regex(
    expired,
    /^its certificate has expired \(CERT_HAS_EXPIRED\): CN=old, signed by CN=Test Authority, valid from 2020-01-01 to 2020-02-01 -> renew/,
  );
  t.regex(
    await tried(await serve({ ...pemOf(authority.issue()), ca, requestCert: true, rejectUnauthorized: true })),
    /^it wants a client certificate .* -> give the service "tls\.cert"/,
  );
  t.regex(await tried('127.0.0.1:1'), /^ECONNREFUSED -> nobody listens there/);
  t.regex(
    await tried(await serve(pemOf(authority.issue())), null),
    /^it closed the connection before it said anything -> if it speaks TLS/,
  );
  t.regex(
    await tried(
      await listening(
        t,
        createTcpServer((socket) => socket.resume()),
      ),
      null,
    ),
    /^no HTTP\/2 SETTINGS within 5000 ms -> does it speak HTTP\/2/,
  );
});
