import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { Authority, filesOf, pemOf } from '../support/certificates.ts';
import { connectEcho, type EchoClient } from '../support/echo_client.ts';
import { eventually } from '../support/eventually.ts';
import { type GrpcServer, startGrpcServer } from '../support/grpc_server.ts';
import { serialTestWith } from '../support/requires.ts';
import { ANY_PORTS, type Sidecar, startSidecar, temporaryDirectory } from '../support/sidecar.ts';

const testWith = serialTestWith('openssl');

type Keys = Readonly<Record<string, unknown>>;

/** A server that shows a certificate of `authority`; in the clear without one. */
async function startApp(t: ExecutionContext<unknown>, name: string, authority?: Authority): Promise<GrpcServer> {
  const tls = authority === undefined ? undefined : pemOf(authority.issue());
  const app = await startGrpcServer({
    name,
    ...(tls === undefined ? {} : { tls: { cert: Buffer.from(tls.cert), key: Buffer.from(tls.key) } }),
  });
  t.teardown(() => app.stop());
  return app;
}

const at = ({ address }: GrpcServer, more: Keys = {}): Keys => ({ instances: [{ address }], ...more });
const configOf = (services: Keys, more: Keys): Keys => ({
  ...ANY_PORTS,
  registries: { here: { type: 'static' } },
  services,
  ...more,
});

/** A sidecar whose config the test rewrites. */
async function start(t: ExecutionContext<unknown>, services: Keys, more: Keys = {}) {
  const sidecar = await startSidecar(configOf(services, more));
  t.teardown(() => sidecar.kill());
  const reload = async (next: Keys, others: Keys = more): Promise<{ status: number; problems: string }> => {
    writeFileSync(sidecar.configFile, JSON.stringify(configOf(next, others)));
    const response = await fetch(`${sidecar.admin}/reload`, { method: 'POST' });
    const { problems } = (await response.json()) as { problems?: string[] };
    return { status: response.status, problems: (problems ?? []).join('\n') };
  };
  return { sidecar, reload };
}

function dial(t: ExecutionContext<unknown>, sidecar: Sidecar, service: string): EchoClient {
  const client = connectEcho(sidecar.address, service);
  t.teardown(() => client.close());
  return client;
}

const metrics = async (sidecar: Sidecar): Promise<string> => (await fetch(`${sidecar.telemetry}/metrics`)).text();

testWith('a sidecar without TLS gets its first TLS service by a reload, and loses it by another', async (t) => {
  const authority = new Authority();
  const [plain, secured] = [await startApp(t, 'plain'), await startApp(t, 'secured', authority)];
  const { sidecar, reload } = await start(t, { echo: at(plain) }, { workers: 2 });
  await sidecar.untilReady('echo', 1);
  const both = { echo: at(plain), sec: at(secured, { tls: filesOf(authority, null) }) };
  t.is((await reload(both)).status, 200);
  await sidecar.untilReady('sec', 1);
  const outcome = await dial(t, sidecar, 'sec').unary('x');
  t.is(outcome.code, 0, outcome.details);
  t.is(outcome.replies[0]?.name, 'secured');
  t.regex(await metrics(sidecar), /outrigger_tls_reloads_total\{tls="services\.sec\.tls"/);
  await reload({ echo: at(plain) });
  await eventually(async () => !(await metrics(sidecar)).includes('services.sec.tls'));
  t.is((await dial(t, sidecar, 'echo').unary('x')).code, 0);
});

testWith('files of a service that came by a reload are followed like those of the start', async (t) => {
  const [old, next] = [new Authority('Old'), new Authority('New')];
  const app = await startApp(t, 'secured', next);
  const ca = join(temporaryDirectory(), 'ca.pem');
  writeFileSync(ca, readFileSync(old.ca));
  const { sidecar, reload } = await start(t, { echo: at(await startApp(t, 'plain')) });
  await reload({ sec: at(app, { tls: { ca } }) });
  await eventually(async () => (await sidecar.service('sec'))?.instances[0]?.state === 'backoff');
  writeFileSync(ca, readFileSync(next.ca));
  await sidecar.untilReady('sec', 1);
  t.regex(await metrics(sidecar), /outrigger_tls_reloads_total\{tls="services\.sec\.tls",result="ok"\} 1\n/);
});

testWith('a reload with a file that cannot be used is rejected whole: what was in force still answers', async (t) => {
  const authority = new Authority();
  const secured = await startApp(t, 'secured', authority);
  const good = { sec: at(secured, { tls: filesOf(authority, null) }) };
  const { sidecar, reload } = await start(t, good);
  await sidecar.untilReady('sec', 1);
  const client = dial(t, sidecar, 'sec');
  const bad = { sec: at(secured, { tls: { ca: '/no/such/ca.pem' } }), more: at(secured) };
  const { status, problems } = await reload(bad, { log: { level: 'warn' } });
  t.is(status, 422);
  t.is(problems, 'services.sec.tls.ca: /no/such/ca.pem: there is no such file');
  t.is(await sidecar.service('more'), null);
  t.regex(sidecar.output(), /services\.sec\.tls\.ca: \/no\/such\/ca\.pem[^\n]*cannot be taken over/);
  t.regex(await metrics(sidecar), /outrigger_config_reloads_total\{result="rejected"\} [12]\n/);
  const outcome = await client.unary('x');
  t.is(outcome.code, 0, outcome.details);
  t.is((await reload({ ...good, more: at(secured) })).status, 200);
  t.not(await sidecar.service('more'), null);
});

testWith('another path for the authorities takes effect on the connections that are made from then on', async (t) => {
  const [wrong, right] = [new Authority('Wrong'), new Authority('Right')];
  const app = await startApp(t, 'secured', right);
  const trusting = (authority: Authority): Keys => ({ sec: at(app, { tls: filesOf(authority, null) }) });
  const { sidecar, reload } = await start(t, trusting(wrong));
  await eventually(async () => (await sidecar.service('sec'))?.instances[0]?.state === 'backoff');
  t.is((await reload(trusting(right))).status, 200);
  await sidecar.untilReady('sec', 1);
  const outcome = await dial(t, sidecar, 'sec').unary('x');
  t.is(outcome.code, 0, outcome.details);
});

testWith('checks of a service that came by a reload speak TLS with its certificates', async (t) => {
  const authority = new Authority();
  const app = await startApp(t, 'secured', authority);
  const { sidecar, reload } = await start(t, { echo: at(await startApp(t, 'plain')) });
  const health = { grpc: '', interval: '200ms', timeout: '1s', fall: 1, rise: 1 };
  await reload({ sec: at(app, { tls: filesOf(authority, null), health }) });
  await sidecar.untilReady('sec', 1);
  app.health(false);
  await eventually(async () => (await sidecar.service('sec'))?.instances[0]?.state === 'unhealthy');
  app.health(true);
  await sidecar.untilReady('sec', 1);
  t.pass();
});

testWith('services that are discovered get TLS by a reload, and other certificates by the next', async (t) => {
  const [wrong, right] = [new Authority('Wrong'), new Authority('Right')];
  const [plain, secured] = [await startApp(t, 'plain'), await startApp(t, 'secured', right)];
  const path = join(temporaryDirectory(), 'records.yaml');
  writeFileSync(path, JSON.stringify({ services: { found: [{ address: secured.address }] } }));
  const registries = { here: { type: 'static' }, records: { type: 'file', path } };
  const discovering = (tls?: Keys): Keys => ({
    registries,
    discover: { registry: 'records', ...(tls ? { tls } : {}) },
  });
  const services = { echo: { registry: 'here', ...at(plain) } };
  const { sidecar, reload } = await start(t, services, { registries });
  t.is((await reload(services, discovering(filesOf(wrong, null)))).status, 200);
  const client = dial(t, sidecar, 'found');
  t.is((await client.unary('x')).code, 14);
  const bad = await reload(services, discovering({ ca: '/no/such/ca.pem' }));
  t.deepEqual(bad, { status: 422, problems: 'discover.tls.ca: /no/such/ca.pem: there is no such file' });
  t.is((await reload(services, discovering(filesOf(right, null)))).status, 200);
  await eventually(async () => (await client.unary('x')).replies[0]?.name === 'secured');
});

testWith('other names to verify count for the connections that there are, and back again', async (t) => {
  const authority = new Authority();
  const app = await startApp(t, 'secured', authority);
  const tls = filesOf(authority, null);
  const { sidecar, reload } = await start(t, { sec: at(app, { tls }) });
  await sidecar.untilReady('sec', 1);
  const client = dial(t, sidecar, 'sec');
  t.is((await client.unary('x')).code, 0);
  t.is((await reload({ sec: at(app, { tls: { ...tls, verify: ['spiffe://nobody'] } }) })).status, 200);
  await eventually(async () => (await sidecar.service('sec'))?.instances[0]?.state === 'backoff');
  t.is((await reload({ sec: at(app, { tls }) })).status, 200);
  await sidecar.untilReady('sec', 1);
  t.is((await client.unary('x')).code, 0);
});

testWith('a service of HTTP/1.1 that gets TLS is spoken to over TLS at once', async (t) => {
  const authority = new Authority();
  const plain = createServer((_request, response) => response.end('plain'));
  const secured = createSecureServer(pemOf(authority.issue()), (_request, response) => response.end('secured'));
  for (const server of [plain, secured]) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.teardown(() => {
      server.close();
      server.closeAllConnections();
    });
  }
  const service = (server: typeof plain, more: Keys = {}): Keys => ({
    web: {
      protocol: 'http/1.1',
      instances: [{ address: `127.0.0.1:${(server.address() as AddressInfo).port}` }],
      ...more,
    },
  });
  const { sidecar, reload } = await start(t, service(plain), { default_service: 'web' });
  await sidecar.untilReady('web', 1);
  const get = async (): Promise<string> => (await fetch(`http://${sidecar.address}/`)).text();
  t.is(await get(), 'plain');
  t.is((await reload(service(secured, { tls: filesOf(authority, null) }), { default_service: 'web' })).status, 200);
  await eventually(async () => (await get()) === 'secured');
  t.pass();
});
