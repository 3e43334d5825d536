import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import type { InboundRules, ListenerTls, TlsMaterial } from '../../../src/model/tls.ts';
import { Authority, FUTURE, type Issued, PAST, pemOf } from '../../support/certificates.ts';
import { eventually } from '../../support/eventually.ts';
import { startPlane } from '../../support/plane.ts';
import { startInstance } from '../../support/plane_instance.ts';
import { present } from '../../support/requires.ts';
import { SETTINGS } from '../../support/service_settings.ts';

const testWith = present('openssl') ? test : test.skip;
const ID = 'inbound.tls';
const SECRET = Buffer.alloc(32, 7);

interface ListenerOptions {
  readonly tls?: Partial<ListenerTls>;
  readonly material?: Partial<TlsMaterial>;
  /** Null: a listener for apps. */
  readonly allow?: InboundRules['allow'] | 'app';
}

/** A plane whose second listener speaks TLS, with an instance behind it. */
async function startSecure(t: ExecutionContext<unknown>, authority: Authority, options: ListenerOptions = {}) {
  const { tls = {}, material = {}, allow = null } = options;
  const ca = readFileSync(authority.ca, 'utf8');
  const own = pemOf(authority.issue({ names: ['DNS:localhost', 'URI:spiffe://t/own'] }));
  const base: TlsMaterial = { id: ID, ca, ...own, minVersion: 'TLSv1.2', ...material };
  const plane = await startPlane(t, {
    secure: [
      {
        address: '127.0.0.1:0',
        tls: { material: ID, alpn: ['h2'], verify: [], ...tls },
        inbound: allow === 'app' ? null : { service: 'inbound', allow },
      },
    ],
    tls: { materials: [base], ticketSecret: SECRET },
  });
  const instance = await startInstance(t);
  // As the config makes it: the version that a caller asks for is the app's affair.
  const version = { ...SETTINGS.version, fallback: 'any' } as const;
  const counters = await plane.serve('inbound', [{ address: instance.address }], { version });
  const port = Number(plane.secure[0]?.split(':')[1]);
  const connect: ConnectionOptions = { port, host: '127.0.0.1', servername: 'localhost', ca, ALPNProtocols: ['h2'] };
  return { plane, instance, counters, port, base, connect };
}

/** A TLS connection; its socket, open. */
async function dial(t: ExecutionContext<unknown>, options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connectTls(options);
  t.teardown(() => socket.destroy());
  await once(socket, 'secureConnect');
  return socket;
}

/** An HTTP/2 session over TLS, as the client of `issued`. */
async function open(
  t: ExecutionContext<unknown>,
  options: ConnectionOptions,
  issued: Issued | null = null,
): Promise<ClientHttp2Session> {
  const socket = await dial(t, { ...options, ...(issued === null ? {} : pemOf(issued)) });
  const session = connectHttp2('https://localhost', { createConnection: () => socket });
  session.on('error', () => {});
  t.teardown(() => session.destroy());
  return session;
}

interface Answer {
  readonly status: number;
  readonly reason: unknown;
  readonly grpcStatus: unknown;
  readonly text: string;
}

async function ask(session: ClientHttp2Session, headers: Record<string, string> = {}): Promise<Answer> {
  const stream = session.request({ ':path': '/a', ':authority': 'whatever', ...headers });
  stream.setEncoding('utf8');
  const [head] = (await once(stream, 'response')) as [Record<string, unknown>];
  let text = '';
  for await (const chunk of stream) text += chunk;
  const message = decodeURIComponent(String(head['grpc-message'] ?? ''));
  return {
    status: Number(head[':status']),
    reason: head['x-outrigger-reason'],
    grpcStatus: head['grpc-status'],
    text: text.trim() || message,
  };
}

/** What the other end says before it closes a connection that it does not want. */
async function goodbye(
  t: ExecutionContext<unknown>,
  options: ConnectionOptions,
  issued: Issued | null,
): Promise<string> {
  const session = await open(t, options, issued);
  let said = '';
  session.on('goaway', (code: number, _last: number, debug?: Buffer) => {
    said = `${code} ${debug?.toString() ?? ''}`;
  });
  await new Promise((resolve) => session.once('close', resolve));
  return said;
}

testWith('every request goes to the app, whatever it says of itself, and the app is told who called', async (t) => {
  const authority = new Authority();
  const { plane, instance, connect } = await startSecure(t, authority);
  plane.tell('other', []);
  const client = authority.issue({ names: ['URI:spiffe://t/a', 'DNS:a.example'], subject: '/O=Example/CN=a' });
  const session = await open(t, connect, client);
  const answer = await ask(session, {
    'x-outrigger-service': 'other',
    'x-outrigger-debug': '1',
    'x-version': 'v9',
    'x-forwarded-client-cert': 'Hash=0;URI=spiffe://t/admin',
    'x-other': 'kept',
  });
  t.is(answer.status, 200);
  const [request] = instance.requests;
  const received = (name: string): string[] => request?.values(name) ?? [];
  t.regex(
    received('x-forwarded-client-cert').join('\n'),
    /^By=spiffe:\/\/t\/own;Hash=[0-9a-f]{64};Subject="CN=a,O=Example";URI=spiffe:\/\/t\/a;DNS=a\.example$/,
  );
  t.deepEqual(received('x-outrigger-service'), []);
  t.deepEqual(received('x-outrigger-debug'), []);
  t.deepEqual(received('x-other'), ['kept']);
  t.deepEqual(received('x-version'), ['v9']);
});

testWith(
  'who is not named may not call: 403 or PERMISSION_DENIED, with the name that the certificate has',
  async (t) => {
    const authority = new Authority();
    const { instance, counters, connect } = await startSecure(t, authority, {
      allow: ['spiffe://t/a', 'spiffe://t/ns/*'],
    });
    const stranger = await open(t, connect, authority.issue({ names: ['URI:spiffe://t/b', 'DNS:b.example'] }));
    const refused = await ask(stranger);
    t.like(refused, { status: 403, reason: 'not_allowed' });
    t.is(
      refused.text,
      'spiffe://t/b may not call: "inbound.allow" has no name of its certificate (spiffe://t/b, b.example)',
    );
    const grpc = await ask(stranger, { 'content-type': 'application/grpc', te: 'trailers' });
    t.like(grpc, { status: 200, reason: 'not_allowed', grpcStatus: '7', text: refused.text });
    t.is(instance.requests.length, 0);
    t.is(counters.rejected('not_allowed'), 2);
    for (const name of ['spiffe://t/a', 'spiffe://t/ns/x']) {
      t.is((await ask(await open(t, connect, authority.issue({ names: [`URI:${name}`] })))).status, 200);
    }
  },
);

testWith('a client whose certificate is no good is told what is wrong with it, logged and counted', async (t) => {
  const authority = new Authority();
  const { plane, instance, connect } = await startSecure(t, authority);
  const stranger = new Authority('Somebody Else');
  for (const [issued, reason, words] of [
    [null, 'no_certificate', /12 client certificate: it shows no certificate, and this listener wants one/],
    [authority.issue({ valid: PAST }), 'expired', /12 client certificate: its certificate has expired/],
    [authority.issue({ valid: FUTURE }), 'not_yet_valid', /12 client certificate: its certificate is not valid yet/],
    [stranger.issue(), 'unknown_ca', /12 client certificate: its certificate is signed by no authority of "tls\.ca"/],
  ] as const) {
    t.regex(await goodbye(t, connect, issued), words);
    t.is(plane.tlsFailures('downstream', reason), 1);
    t.true(plane.said('log').some(({ fields }) => fields.reason === reason && fields.hint !== undefined));
  }
  t.is(instance.requests.length, 0);
});

testWith('a client that comes back with the ticket of a connection that was refused is refused again', async (t) => {
  const authority = new Authority();
  const { plane, connect } = await startSecure(t, authority);
  let session: Buffer | undefined;
  const socket = await dial(t, connect);
  socket.on('session', (ticket: Buffer) => {
    session = ticket;
  });
  socket.on('error', () => {});
  socket.resume();
  await eventually(() => session !== undefined);
  const again = await dial(t, { ...connect, session });
  t.true(again.isSessionReused());
  again.on('error', () => {});
  again.resume();
  await eventually(() => plane.tlsFailures('downstream', 'no_certificate') === 2);
});

testWith('a session is resumed, by another data thread, too, and who called is still known', async (t) => {
  const authority = new Authority();
  const client = authority.issue({ names: ['URI:spiffe://t/a'] });
  const one = await startSecure(t, authority, { allow: ['spiffe://t/a'] });
  // What two threads of one sidecar share: the certificates, and the secret of the tickets.
  const two = await startSecure(t, authority, { allow: ['spiffe://t/a'], material: one.base });
  let session: Buffer | undefined;
  const first = await dial(t, { ...one.connect, ...pemOf(client) });
  first.on('session', (ticket: Buffer) => {
    session = ticket;
  });
  first.resume();
  await eventually(() => session !== undefined);
  for (const { port, instance } of [one, two]) {
    const socket = await dial(t, { ...one.connect, port, ...pemOf(client), session });
    t.true(socket.isSessionReused());
    const h2 = connectHttp2('https://localhost', { createConnection: () => socket });
    t.teardown(() => h2.destroy());
    t.is((await ask(h2)).status, 200);
    t.regex(instance.requests.at(-1)?.list.get('x-forwarded-client-cert') ?? '', /URI=spiffe:\/\/t\/a$/);
  }
});

testWith('tickets end with the authorities that they were made under', async (t) => {
  const authority = new Authority();
  const { plane, base, connect } = await startSecure(t, authority, { allow: 'app' });
  let session: Buffer | undefined;
  const client = pemOf(authority.issue());
  const first = await dial(t, { ...connect, ...client });
  first.on('session', (ticket: Buffer) => {
    session = ticket;
  });
  first.resume();
  await eventually(() => session !== undefined);
  const more = `${base.ca}\n${readFileSync(new Authority('Another').ca, 'utf8')}`;
  plane.data.receive({ kind: 'tls_material', material: { ...base, ca: more } });
  t.false((await dial(t, { ...connect, ...client, session })).isSessionReused());
});

testWith('new certificates are shown to new connections, and those that are open go on', async (t) => {
  const authority = new Authority();
  const { plane, base, connect } = await startSecure(t, authority, { allow: 'app', material: { ca: null } });
  const before = await open(t, connect);
  t.is((await ask(before, { 'x-outrigger-service': 'inbound' })).status, 200);
  const next = pemOf(authority.issue({ names: ['DNS:localhost', 'DNS:renewed.example'] }));
  plane.data.receive({ kind: 'tls_material', material: { ...base, ...next } });
  const socket = await dial(t, connect);
  t.regex(socket.getPeerX509Certificate()?.subjectAltName ?? '', /renewed\.example/);
  t.is((await ask(before, { 'x-outrigger-service': 'inbound' })).status, 200);
});

testWith('a listener for apps takes any client without "ca", and with "verify" only those that it names', async (t) => {
  const authority = new Authority();
  const free = await startSecure(t, authority, { allow: 'app', material: { ca: null } });
  t.is((await ask(await open(t, free.connect), { ':authority': 'inbound' })).status, 200);
  const strict = await startSecure(t, authority, { allow: 'app', tls: { verify: ['app.example'] } });
  const good = await open(t, strict.connect, authority.issue({ names: ['DNS:app.example'] }));
  t.is((await ask(good, { ':authority': 'inbound' })).status, 200);
  t.regex(
    await goodbye(t, strict.connect, authority.issue({ names: ['DNS:other.example'] })),
    /its certificate is for other\.example, and none of that is in "tls\.verify"/,
  );
});

testWith('a client that offers no protocol of the listener is turned away in the handshake', async (t) => {
  const authority = new Authority();
  const { plane, connect } = await startSecure(t, authority);
  const socket = connectTls({ ...connect, ALPNProtocols: ['http/1.1'] });
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
  t.regex(error.code ?? '', /NO_APPLICATION_PROTOCOL/);
  await eventually(() => plane.tlsFailures('downstream', 'no_alpn') === 1);
});

testWith('an older TLS than "min_version" is refused', async (t) => {
  const authority = new Authority();
  const { plane, connect } = await startSecure(t, authority, { material: { minVersion: 'TLSv1.3' } });
  const socket = connectTls({ ...connect, maxVersion: 'TLSv1.2' });
  await once(socket, 'error');
  await eventually(() => plane.tlsFailures('downstream', 'version') === 1);
  t.is((await dial(t, connect)).getProtocol(), 'TLSv1.3');
});

/** Everything that comes back to octets sent without TLS. */
async function plainly(port: number, octets: string): Promise<string> {
  const socket = connectTcp(port, '127.0.0.1').setEncoding('latin1');
  socket.end(octets);
  let text = '';
  for await (const chunk of socket) text += chunk;
  return text;
}

testWith('a client without TLS is told so in the protocol that it speaks', async (t) => {
  const authority = new Authority();
  const { plane, port } = await startSecure(t, authority);
  t.regex(await plainly(port, 'GET / HTTP/1.1\r\nhost: a\r\n\r\n'), /^HTTP\/1\.1 400 .*this port speaks TLS/s);
  t.regex(await plainly(port, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), /this port speaks TLS/);
  t.is(await plainly(port, '\0\0\0'), '');
  t.is(plane.tlsFailures('downstream', 'plaintext'), 3);
  t.is(plane.said('log').filter(({ fields }) => fields.reason === 'plaintext').length, 1, 'one line is enough');
});

testWith('nothing but HTTP/2 comes in from outside', async (t) => {
  const authority = new Authority();
  const { instance, connect } = await startSecure(t, authority);
  const { ALPNProtocols: _, ...without } = connect;
  const socket = await dial(t, { ...without, ...pemOf(authority.issue()) });
  socket.setEncoding('latin1').on('error', () => {});
  socket.write('GET / HTTP/1.1\r\nhost: a\r\nx-outrigger-service: inbound\r\n\r\n');
  let text = '';
  for await (const chunk of socket) text += chunk;
  t.regex(text, /preface_bad/);
  t.is(instance.requests.length, 0);
});

testWith('when it drains, a connection over TLS ends in order, and silent ones at once', async (t) => {
  const authority = new Authority();
  const { plane, port, connect } = await startSecure(t, authority);
  const session = await open(t, connect, authority.issue());
  t.is((await ask(session)).status, 200);
  const silent = connectTcp(port, '127.0.0.1');
  await once(silent, 'connect');
  silent.resume();
  const said = once(session, 'goaway');
  plane.data.receive({ kind: 'drain', graceMs: 5_000 });
  await said;
  // Long before the time limit for its first word.
  await eventually(() => silent.destroyed, 5_000);
  await eventually(() => plane.said('drained').length > 0);
  t.pass();
});
