import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { promisify } from 'node:util';
import { credentials } from '@grpc/grpc-js';
import type { ExecutionContext } from 'ava';
import { Authority, type Issued, PAST, pemOf } from '../support/certificates.ts';
import { connectEcho, type EchoClient } from '../support/echo_client.ts';
import { eventually } from '../support/eventually.ts';
import { type GrpcServer, startGrpcServer } from '../support/grpc_server.ts';
import { present, serialTestWith } from '../support/requires.ts';
import { ANY_PORTS, runOutrigger, type Sidecar, startSidecar, temporaryDirectory } from '../support/sidecar.ts';

const testWith = serialTestWith('openssl');
const run = promisify(execFile);

const MINE = { ...ANY_PORTS, registries: { here: { type: 'static' } } };
const NAMES_OF_B = ['DNS:localhost', 'IP:127.0.0.1', 'URI:spiffe://test/b'];

async function startApp(t: ExecutionContext<unknown>, name: string): Promise<GrpcServer> {
  const app = await startGrpcServer({ name });
  t.teardown(() => app.stop());
  return app;
}

async function start(t: ExecutionContext<unknown>, config: object): Promise<Sidecar> {
  const sidecar = await startSidecar(config);
  t.teardown(() => sidecar.kill());
  return sidecar;
}

function dial(t: ExecutionContext<unknown>, ...where: Parameters<typeof connectEcho>): EchoClient {
  const client = connectEcho(...where);
  t.teardown(() => client.close());
  return client;
}

const inboundOf = (sidecar: Sidecar): string => /inbound on (\S+) \(TLS\)/.exec(sidecar.output())?.[1] ?? '';
const secureOf = (sidecar: Sidecar): string => /listening on (\S+) \(TLS\)/.exec(sidecar.output())?.[1] ?? '';

async function metric(sidecar: Sidecar, pattern: RegExp): Promise<number> {
  const text = await (await fetch(`${sidecar.telemetry}/metrics`)).text();
  return Number(new RegExp(`^${pattern.source} (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN);
}

/** Files that a test replaces the way a tool does: a new file takes the name of the old one. */
function replaceable(directory: string, name: string) {
  const paths = {
    ca: join(directory, `${name}-ca.pem`),
    cert: join(directory, `${name}.pem`),
    key: join(directory, `${name}.key`),
  };
  const put = (path: string, content: string): void => {
    writeFileSync(`${path}.new`, content);
    renameSync(`${path}.new`, path);
  };
  return {
    paths,
    trust: (...authorities: Authority[]) =>
      put(paths.ca, authorities.map(({ ca }) => readFileSync(ca, 'utf8')).join('\n')),
    use: (issued: Issued) => {
      put(paths.cert, readFileSync(issued.cert, 'utf8'));
      put(paths.key, readFileSync(issued.key, 'utf8'));
    },
  };
}

testWith('two sidecars secure a hop: neither app knows, and the one that is called learns who calls', async (t) => {
  const authority = new Authority();
  const app = await startApp(t, 'app-b');
  const b = await start(t, {
    inbound: {
      listen: '127.0.0.1:0',
      tls: { ca: authority.ca, ...authority.issue({ names: NAMES_OF_B }) },
      forward: app.address,
      allow: ['spiffe://test/a'],
    },
  });
  const hop = (uri: string) =>
    start(t, {
      ...MINE,
      services: {
        echo: {
          tls: {
            ca: authority.ca,
            ...authority.issue({ names: [`URI:${uri}`], subject: '/O=Test/CN=a' }),
            verify: ['spiffe://test/b'],
          },
          instances: [{ address: inboundOf(b) }],
        },
      },
    });
  const a = await hop('spiffe://test/a');
  await a.untilReady('echo', 1);
  const client = dial(t, a.address);
  const outcome = await client.unary('hello', {
    metadata: [
      ['x-version', 'v7'],
      ['x-forwarded-client-cert', 'Hash=00;URI=spiffe://test/admin'],
      ['echo-show', 'x-forwarded-client-cert,x-version,x-outrigger-service'],
    ],
  });
  // `x-version: v7` asks the first sidecar for an instance of that version; there is none.
  t.is(outcome.code, 14);
  const good = await client.unary('hello', {
    metadata: [
      ['x-forwarded-client-cert', 'Hash=00;URI=spiffe://test/admin'],
      ['echo-show', 'x-forwarded-client-cert,x-outrigger-service'],
    ],
  });
  t.is(good.code, 0, good.details);
  t.is(good.replies[0]?.name, 'app-b');
  t.deepEqual(good.headers?.get('shown-x-outrigger-service'), []);
  const shown = good.headers?.get('shown-x-forwarded-client-cert') ?? [];
  t.is(shown.length, 1);
  t.regex(String(shown[0]), /^By=spiffe:\/\/test\/b;Hash=[0-9a-f]{64};Subject="CN=a,O=Test";URI=spiffe:\/\/test\/a$/);

  const stranger = await hop('spiffe://test/c');
  await stranger.untilReady('echo', 1);
  const refused = await dial(t, stranger.address).unary('hello');
  t.is(refused.code, 7);
  t.regex(refused.details, /^spiffe:\/\/test\/c may not call/);
  t.is(await metric(b, /outrigger_rejected_total\{service="inbound",reason="not_allowed"\}/), 1);
  t.is(await metric(b, /outrigger_requests_total\{service="inbound",version="",code_class="2xx",grpc_status="0"\}/), 1);
  t.is((await b.service('inbound'))?.instances[0]?.address, app.address);
});

testWith(
  'certificates and authorities are replaced while calls run: none fails, and no connection is dropped',
  async (t) => {
    const [old, next] = [new Authority('Old'), new Authority('New')];
    const directory = temporaryDirectory();
    const [fileA, fileB] = [replaceable(directory, 'a'), replaceable(directory, 'b')];
    for (const file of [fileA, fileB]) file.trust(old);
    fileA.use(old.issue({ names: ['URI:spiffe://test/a'] }));
    fileB.use(old.issue({ names: NAMES_OF_B }));
    const app = await startApp(t, 'app-b');
    const b = await start(t, {
      inbound: { listen: '127.0.0.1:0', tls: fileB.paths, forward: app.address, allow: ['spiffe://test/a'] },
    });
    const a = await start(t, {
      ...MINE,
      services: {
        echo: { tls: { ...fileA.paths, verify: ['spiffe://test/b'] }, instances: [{ address: inboundOf(b) }] },
      },
    });
    await a.untilReady('echo', 1);
    const client = dial(t, a.address);
    let [calls, going] = [0, true];
    const failed: string[] = [];
    const caller = (async () => {
      while (going) {
        const { code, details } = await client.unary('x');
        calls++;
        if (code !== 0) failed.push(`${code} ${details}`);
      }
    })();
    const long = client.bidi(['x'], { metadata: [['echo-sleep-ms', '3000']] });

    const reloads = (sidecar: Sidecar, tls: string): Promise<number> =>
      metric(sidecar, new RegExp(`outrigger_tls_reloads_total\\{tls="${tls}",result="ok"\\}`));
    const [ofA, ofB] = [() => reloads(a, 'services.echo.tls'), () => reloads(b, 'inbound.tls')];
    const step = async (change: () => void): Promise<void> => {
      const [beforeA, beforeB] = [await ofA(), await ofB()];
      const before = calls;
      change();
      await eventually(async () => (await ofA()) > beforeA && (await ofB()) > beforeB && calls > before + 10);
    };
    await step(() => {
      for (const file of [fileA, fileB]) file.trust(old, next);
    });
    await step(() => {
      fileA.use(next.issue({ names: ['URI:spiffe://test/a'] }));
      fileB.use(next.issue({ names: NAMES_OF_B }));
    });
    await step(() => {
      for (const file of [fileA, fileB]) file.trust(next);
    });
    t.is((await long).code, 0);
    going = false;
    await caller;
    t.deepEqual(failed, []);
    t.is(await metric(a, /outrigger_upstream_connects_total\{service="echo",instance="[^"]+",result="ok"\}/), 1);

    // Whoever comes now sees the new certificate, and must have one of the new authority.
    const c = await start(t, {
      ...MINE,
      services: {
        echo: {
          tls: { ca: next.ca, ...next.issue({ names: ['URI:spiffe://test/a'] }) },
          instances: [{ address: inboundOf(b) }],
        },
      },
    });
    await c.untilReady('echo', 1);
    t.is((await dial(t, c.address).unary('x')).code, 0);
  },
);

testWith('a bad file keeps the certificate before, and says so', async (t) => {
  const authority = new Authority();
  const files = replaceable(temporaryDirectory(), 'b');
  const first = authority.issue();
  files.use(first);
  const app = await startApp(t, 'app-b');
  const { ca: _, ...pair } = files.paths;
  const b = await start(t, { inbound: { listen: '127.0.0.1:0', tls: pair, forward: app.address } });
  writeFileSync(pair.cert, 'nonsense');
  await eventually(
    async () => (await metric(b, /outrigger_tls_reloads_total\{tls="inbound\.tls",result="error"\}/)) === 1,
  );
  t.regex(b.output(), /"tls":"inbound\.tls","reason":"inbound\.tls\.cert: [^"]+b\.pem: /);
  t.true(
    (await metric(b, /outrigger_tls_certificate_expiry_timestamp_seconds\{tls="inbound\.tls"\}/)) > Date.now() / 1000,
  );
  const [host, port] = inboundOf(b).split(':');
  const socket = connectTls({
    host: host as string,
    port: Number(port),
    ca: readFileSync(authority.ca),
    ALPNProtocols: ['h2'],
  });
  t.teardown(() => socket.destroy());
  await once(socket, 'secureConnect');
  t.regex(await (await fetch(`${b.admin}/config`)).text(), /"key": ?"[^"]+b\.key"/);
  t.notRegex(await (await fetch(`${b.admin}/config`)).text(), /PRIVATE KEY/);
});

testWith('apps reach the sidecar over TLS: grpc-js, curl, nghttp and h2load', async (t) => {
  const authority = new Authority();
  const app = await startApp(t, 'app');
  const sidecar = await start(t, {
    ...MINE,
    workers: 2,
    listen: ['127.0.0.1:0', { address: '127.0.0.1:0', tls: { ...authority.issue(), alpn: ['h2', 'http/1.1'] } }],
    services: { echo: { instances: [{ address: app.address }] } },
    default_service: 'echo',
  });
  await sidecar.untilReady('echo', 1);
  const address = secureOf(sidecar);
  t.not(address, sidecar.address);
  // By name: grpc-js would send an address as server name.
  const client = dial(
    t,
    address.replace('127.0.0.1', 'localhost'),
    'echo',
    credentials.createSsl(readFileSync(authority.ca)),
  );
  const outcome = await client.bidi(['a', 'b', 'c']);
  t.is(outcome.code, 0, outcome.details);
  t.is(outcome.replies.length, 3);

  const url = `https://${address}/grpc.health.v1.Health/Check`;
  const headers = ['-H', 'content-type: application/grpc', '-H', 'te: trailers'];
  const body = join(temporaryDirectory(), 'empty.bin');
  writeFileSync(body, Buffer.alloc(5));
  if (present('curl')) {
    const { stdout } = await run('curl', [
      '-sS',
      '--cacert',
      authority.ca,
      '--http2',
      ...headers,
      '--data-binary',
      `@${body}`,
      '-o',
      '/dev/null',
      '-D',
      '-',
      url,
    ]);
    t.regex(stdout, /^HTTP\/2 200/);
    const other = await run('curl', ['-sS', '--cacert', new Authority().ca, url]).catch(
      (error: { code: number }) => error,
    );
    t.is((other as { code: number }).code, 60, 'a certificate of an unknown authority');
  }
  if (present('nghttp')) {
    const { stdout } = await run('nghttp', ['-nv', ...headers, '-d', body, url]);
    t.regex(stdout, /The negotiated protocol: h2/);
    t.regex(stdout, /grpc-status: 0/);
    const load = await run('h2load', ['-n', '400', '-c', '4', '-m', '10', ...headers, '-d', body, url]);
    t.regex(load.stdout, /400 succeeded, 0 failed/);
    t.regex(load.stdout, /Application protocol: h2/);
  }
});

testWith('HTTP/1.1 over TLS works in all directions, and a certificate is asked for there, too', async (t) => {
  const authority = new Authority();
  const answer = (kind: string) => (request: IncomingMessage, response: ServerResponse) =>
    response.end(`${kind} ${request.httpVersion} ${request.url}`);
  const plain = createServer(answer('plain'));
  const secured = createSecureServer(pemOf(authority.issue()), answer('secured'));
  for (const server of [plain, secured]) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.teardown(() => server.close());
  }
  const instances = (server: Server) => [{ address: `127.0.0.1:${(server.address() as AddressInfo).port}` }];
  const protocol = 'http/1.1';
  const sidecar = await start(t, {
    ...MINE,
    listen: ['127.0.0.1:0', { address: '127.0.0.1:0', tls: { ...authority.issue(), alpn: ['h2', 'http/1.1'] } }],
    services: {
      plain: { protocol, instances: instances(plain) },
      secured: { protocol, tls: { ca: authority.ca }, instances: instances(secured) },
      distrusted: { protocol, tls: { ca: new Authority('Another').ca }, instances: instances(secured) },
    },
  });
  const fetched = async (version: string, service: string): Promise<string> => {
    const args = ['-sS', version, '--cacert', authority.ca, '-H', `x-outrigger-service: ${service}`];
    return (await run('curl', [...args, `https://${secureOf(sidecar)}/hello`])).stdout.trim();
  };
  for (const version of present('curl') ? ['--http1.1', '--http2'] : []) {
    t.is(await fetched(version, 'plain'), 'plain 1.1 /hello');
    t.is(await fetched(version, 'secured'), 'secured 1.1 /hello');
    t.regex(await fetched(version, 'distrusted'), /its certificate is signed by no authority that is trusted here/);
  }
  t.pass();
});

testWith('check reads the certificates, and names each file that cannot be used', async (t) => {
  const authority = new Authority();
  const file = join(temporaryDirectory(), 'outrigger.yaml');
  const tls = { ca: '/no/such/ca.pem', ...authority.issue({ valid: PAST }) };
  writeFileSync(
    file,
    JSON.stringify({
      ...MINE,
      services: {
        echo: { tls, instances: [{ address: '127.0.0.1:1' }] },
        old: { tls: authority.issue({ valid: PAST }), instances: [{ address: '127.0.0.1:1' }] },
      },
    }),
  );
  const checked = await runOutrigger(['check', '--config', file]);
  t.is(checked.code, 2, checked.output);
  t.regex(
    checked.stderr,
    /services\.echo\.tls\.ca: \/no\/such\/ca\.pem: there is no such file\n {2}hint: create the file/,
  );
  t.regex(checked.stderr, /services\.old\.tls\.cert: .*: the certificate has expired \(2020-02-01T/);
  const started = await runOutrigger(['run', '--config', file]);
  t.is(started.code, 1);
  t.regex(
    started.stderr,
    /cannot start: services\.echo\.tls\.ca: \/no\/such\/ca\.pem: there is no such file\n {2}hint: /,
  );
});

testWith('check --dial connects to every instance and says how it went; /services says why one is out', async (t) => {
  const authority = new Authority();
  const app = await startApp(t, 'app');
  const inbound = async (issued: Issued, ca: boolean) =>
    inboundOf(
      await start(t, {
        inbound: {
          listen: '127.0.0.1:0',
          tls: { ...(ca ? { ca: authority.ca } : {}), ...issued },
          forward: app.address,
        },
      }),
    );
  const good = await inbound(authority.issue(), false);
  const expired = await inbound(authority.issue({ valid: PAST, subject: '/CN=old' }), false);
  const mutual = await inbound(authority.issue(), true);
  const config = {
    ...MINE,
    services: {
      good: { tls: { ca: authority.ca }, instances: [{ address: good }] },
      expired: { tls: { ca: authority.ca }, instances: [{ address: expired }] },
      mutual: { tls: { ca: authority.ca }, instances: [{ address: mutual }] },
      plain: { instances: [{ address: good }] },
      secured: { tls: { ca: authority.ca }, instances: [{ address: app.address }] },
      gone: { instances: [{ address: '127.0.0.1:1' }] },
    },
  };
  const file = join(temporaryDirectory(), 'outrigger.yaml');
  writeFileSync(file, JSON.stringify(config));
  const { code, stdout } = await runOutrigger(['check', '--dial', '--config', file]);
  t.is(code, 1, stdout);
  const line = (service: string): string =>
    new RegExp(`^[✓✗] instance +${service} .*(?:\\n    hint: .*)?`, 'm').exec(stdout)?.[0] ?? stdout;
  t.regex(line('good'), /^✓ instance +good \S+: TLSv1\.3, h2, certificate for localhost, 127\.0\.0\.1, valid until \d/);
  t.regex(
    line('expired'),
    /^✗ .*: its certificate has expired \(CERT_HAS_EXPIRED\): CN=old, signed by CN=Test Authority, valid from 2020-01-01 to 2020-02-01\n.*renew/,
  );
  t.regex(
    line('mutual'),
    /^✗ .*: GOAWAY INADEQUATE_SECURITY: client certificate: it shows no certificate, and this listener wants one/,
  );
  t.regex(line('plain'), /^✗ .*: GOAWAY INADEQUATE_SECURITY: this port speaks TLS/);
  t.regex(
    line('secured'),
    /^✗ .*: (it does not speak TLS|it closed the connection during the TLS handshake).*\n {4}hint: .*leave "tls" out/,
  );
  t.regex(line('gone'), /^✗ .*: ECONNREFUSED\n {4}hint: nobody listens there/);

  const sidecar = await start(t, config);
  const reason = async (service: string): Promise<string> => {
    const listed = (await sidecar.service(service))?.instances[0] as
      | { state: string; reason: string | null }
      | undefined;
    return `${listed?.state}: ${listed?.reason}`;
  };
  await eventually(async () => (await reason('good')) === 'ready: null');
  await eventually(async () => /^backoff: its certificate has expired/.test(await reason('expired')));
  await eventually(async () =>
    /^backoff: GOAWAY INADEQUATE_SECURITY: client certificate: it shows no/.test(await reason('mutual')),
  );
  await eventually(async () => /^backoff: ECONNREFUSED/.test(await reason('gone')));
  t.true((await metric(sidecar, /outrigger_tls_failures_total\{side="upstream",reason="expired"\}/)) >= 1);
});
