import { gunzipSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import type { Readiness } from '../../src/admin/admin_view.ts';
import { startTelemetryServer } from '../../src/admin/telemetry_server.ts';
import { silentLog } from '../../src/base/log.ts';
import { createExposition, type Exposition } from '../../src/observe/exposition.ts';
import { World } from '../observe/world.ts';
import { ask } from './request.ts';

async function start(t: ExecutionContext, options: { metrics?: Exposition; readiness?: () => Readiness } = {}) {
  const world = new World(1);
  world.addService('book', ['']);
  const {
    metrics = createExposition(world, { version: '1.2.3', protocolErrorTokens: [] }),
    readiness = () => ({ ready: true, reasons: [] }),
  } = options;
  const server = await startTelemetryServer({ listen: '127.0.0.1:0', metrics, readiness, log: silentLog });
  t.teardown(() => server.close());
  return server.address;
}

test('/metrics is the text that Prometheus reads', async (t) => {
  const { status, headers, text } = await ask(await start(t), '/metrics');
  t.is(status, 200);
  t.is(headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
  t.is(headers['cache-control'], 'no-store');
  t.is(headers['content-encoding'], undefined);
  t.true(text.includes('\noutrigger_in_flight_requests{service="book"} 0\n'));
});

test('/metrics is compressed for whoever takes gzip', async (t) => {
  const address = await start(t);
  for (const accepted of ['gzip', 'deflate, gzip;q=0.5']) {
    const { headers, body } = await ask(address, '/metrics', { headers: { 'accept-encoding': accepted } });
    t.is(headers['content-encoding'], 'gzip');
    t.true(gunzipSync(body).toString().includes('outrigger_build_info'));
  }
  for (const refused of ['identity', 'gzip;q=0, br']) {
    const { headers, text } = await ask(address, '/metrics', { headers: { 'accept-encoding': refused } });
    t.is(headers['content-encoding'], undefined, refused);
    t.true(text.includes('outrigger_build_info'));
  }
});

test('/ready is 503 with the reasons until there are none', async (t) => {
  let state: Readiness = { ready: false, reasons: ['service "book": no answer from registry "main" yet'] };
  const address = await start(t, { readiness: () => state });
  const before = await ask(address, '/ready');
  t.is(before.status, 503);
  t.deepEqual(JSON.parse(before.text), state);
  state = { ready: true, reasons: [] };
  const after = await ask(address, '/ready');
  t.is(after.status, 200);
  t.deepEqual(JSON.parse(after.text), state);
  t.is((await ask(address, '/ready', { method: 'HEAD' })).status, 200);
});

test('/live is ok while the process runs', async (t) => {
  const { status, text } = await ask(await start(t), '/live');
  t.deepEqual([status, text], [200, 'ok\n']);
});

test('nothing else is told or done there, and any host name may ask: probes come by address or service name', async (t) => {
  const address = await start(t);
  const headers = { host: 'sidecar.pod.example' };
  t.is((await ask(address, '/live', { headers })).status, 200);
  for (const path of ['/', '/services', '/config', '/shutdown']) {
    const { status, text } = await ask(address, path, { method: 'POST', headers });
    t.is(status, 404);
    t.deepEqual(JSON.parse(text).available, ['GET /metrics', 'GET /ready', 'GET /live']);
  }
});

test('metrics that cannot be read are a 500, and the next scrape is served', async (t) => {
  let fails = true;
  const text = async (): Promise<string> => {
    if (fails) throw new Error('no counters');
    return 'a 1\n';
  };
  const format = { contentType: 'text/plain', text };
  const metrics: Exposition = { ...format, openMetrics: format };
  const address = await start(t, { metrics });
  t.is((await ask(address, '/metrics')).status, 500);
  fails = false;
  t.is((await ask(address, '/metrics')).text, 'a 1\n');
});

for (const [accept, open] of [
  ['application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1', true],
  ['application/openmetrics-text', true],
  ['text/plain, application/openmetrics-text;q=0.3', false],
  ['application/openmetrics-text;q=0', false],
  ['*/*', false],
] as const) {
  test(`/metrics is ${open ? 'OpenMetrics' : "Prometheus' text"} for Accept: ${accept}`, async (t) => {
    const { headers, text } = await ask(await start(t), '/metrics', { headers: { accept } });
    t.is(headers['content-type']?.startsWith('application/openmetrics-text'), open);
    t.is(text.endsWith('# EOF\n'), open);
  });
}
