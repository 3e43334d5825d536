import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { connectEcho } from '../support/echo_client.ts';
import { eventually } from '../support/eventually.ts';
import { startGrpcServer } from '../support/grpc_server.ts';
import { startOtlpReceiver } from '../support/otlp_receiver.ts';
import { startProcess } from '../support/process.ts';
import { MAIN, runOutrigger, startSidecar, temporaryDirectory } from '../support/sidecar.ts';

const stoppers: (() => unknown)[] = [];
test.afterEach.always(async () => {
  for (const stop of stoppers.splice(0).reverse()) await stop();
});

async function start(config: object) {
  const servers = [await startGrpcServer({ version: 'v1' }), await startGrpcServer({ version: 'v2' })];
  stoppers.push(() => servers.map((server) => server.stop()));
  const instances = servers.map(({ address, version }) => ({ address, version }));
  const sidecar = await startSidecar({
    registries: { here: { type: 'static' } },
    services: { echo: { instances } },
    ...config,
  });
  stoppers.push(() => sidecar.kill());
  await sidecar.untilReady('echo', 2);
  const client = connectEcho(sidecar.address);
  stoppers.push(() => client.close());
  return { sidecar, client, instances, admin: sidecar.admin.replace('http://', '') };
}

const V2 = { metadata: [['x-version', 'v2']] } as const;

test.serial(
  'the access log has a line for each request, all of them also when the sidecar is told to stop at once',
  async (t) => {
    const file = join(temporaryDirectory(), 'access.log');
    const { sidecar, client, instances } = await start({ access_log: { mode: 'all', file } });
    for (let i = 0; i < 20; i++) await client.unary('x', V2);
    await client.unary('x', { metadata: [['x-version', 'v9']] });
    client.close();
    t.is(await sidecar.stop(), 0);
    const lines = readFileSync(file, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    t.is(lines.length, 21);
    t.like(lines[0], {
      service: 'echo',
      instance: instances[1]?.address,
      version: 'v2',
      path: '/outrigger.test.Echo/Unary',
      status: 200,
      grpc_status: 0,
      reason: null,
      attempts: 1,
      client: '127.0.0.1',
    });
    t.like(lines[20], { instance: null, grpc_status: 14, reason: 'no_version', attempts: 0 });
  },
);

test.serial(
  'the access log goes to standard output, and errors are all that is there when only errors are asked for',
  async (t) => {
    const { sidecar, client } = await start({ access_log: { mode: 'errors', format: 'text' } });
    await client.unary('x');
    await client.unary('x', { metadata: [['x-version', 'v9']] });
    await sidecar.process.waitFor(/ echo - - POST \/outrigger\.test\.Echo\/Unary 200\/14 .* reason=no_version /);
    t.is(sidecar.process.stdout().split(' POST ').length, 2);
  },
);

test.serial('tap shows requests as they end, and only those that were asked for', async (t) => {
  const { client, admin, instances } = await start({});
  const tap = startProcess(process.execPath, [MAIN, 'tap', 'echo', '--version', 'v2', '--json', '--admin', admin]);
  stoppers.push(() => tap.kill());
  await eventually(async () => {
    await client.unary('x');
    await client.unary('x', V2);
    return tap.stdout() !== '';
  });
  const lines = tap
    .stdout()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  for (const line of lines) t.like(line, { version: 'v2', instance: instances[1]?.address });
  tap.signal('SIGINT');
  t.is(await tap.exited, 0);
  const wrong = await runOutrigger(['tap', '--status', '600', '--admin', admin]);
  t.is(wrong.code, 2);
  t.regex(wrong.stderr, /status "600" is none\n {2}hint: /);
});

test.serial('explain says which instance a request would get, and top what they do', async (t) => {
  const { client, admin, instances } = await start({});
  const { stdout, code } = await runOutrigger(['explain', 'echo', '-H', 'x-version: v2', '--admin', admin]);
  t.is(code, 0, stdout);
  t.regex(stdout, new RegExp(`version +● 1 of 2 .*\\n +- ${instances[0]?.address} \\(v1\\): .*`));
  t.regex(stdout, new RegExp(`choice +${instances[1]?.address}\n`));
  const nobody = await runOutrigger(['explain', 'echo', '-H', 'x-version: v9', '--admin', admin]);
  t.is(nobody.code, 1);
  t.regex(nobody.stdout, /error +no_version: /);
  const unknown = await runOutrigger(['explain', 'nosuch', '--admin', admin]);
  t.deepEqual([unknown.code, unknown.stderr], [1, '  hint: it knows: echo\n']);
  const json = await runOutrigger(['explain', 'echo', '--json', '--admin', admin]);
  t.like(JSON.parse(json.stdout), { service: 'echo', registry: 'here', balance: 'round_robin' });

  let calling = true;
  const calls = (async () => {
    while (calling) await client.unary('x', V2);
  })();
  const top = await runOutrigger(['top', '--json', '--interval', '500ms', '--admin', admin]);
  calling = false;
  await calls;
  t.is(top.code, 0, top.stderr);
  const [echo] = JSON.parse(top.stdout);
  t.true(echo.total.requests_per_second > 0);
  t.true(echo.total.p50_ms > 0);
  t.deepEqual(
    echo.instances
      .map(({ version, share }: { version: string; share: number }) => [version, share])
      .sort(([a]: [string], [b]: [string]) => a.localeCompare(b)),
    [
      ['v1', 0],
      ['v2', 1],
    ],
  );
  const table = await runOutrigger(['top', 'echo', '--interval', '100ms', '--admin', admin]);
  t.regex(table.stdout, /^SERVICE .*\necho +- +- +2 of 2 ready /);
});

test.serial('explain and top know of the instances that a subset leaves out', async (t) => {
  const servers = await Promise.all([1, 2, 3].map(() => startGrpcServer({ version: 'v1' })));
  stoppers.push(() => servers.map((server) => server.stop()));
  const instances = servers.map(({ address, version }) => ({ address, version }));
  const sidecar = await startSidecar({
    registries: { here: { type: 'static' } },
    services: { part: { instances, subset: 2 } },
  });
  stoppers.push(() => sidecar.kill());
  const states = async (): Promise<string[]> =>
    ((await sidecar.service('part'))?.instances ?? []).map(({ state }) => state).sort();
  await eventually(async () => (await states()).join() === 'ready,ready,spare');
  const spare = (await sidecar.service('part'))?.instances.find(({ state }) => state === 'spare')?.address;
  const admin = sidecar.admin.replace('http://', '');
  const { stdout } = await runOutrigger(['explain', 'part', '--admin', admin]);
  const subset = `subset +● 2 of 3 .*\\n +- ${spare} \\(v1\\): not in .* subset\\n`;
  t.regex(stdout, new RegExp(`registered +✓ 3 of 3 .*\\n${subset}(.*\\n)*health +✓ 2 of 2 `));
  const top = await runOutrigger(['top', 'part', '--interval', '100ms', '--admin', admin]);
  t.regex(top.stdout, /\npart +- +- +2 of 2 ready, 1 spare .*\n.* ready .*\n.* ready .*\n.* spare /);
});

test.serial(
  'traces reach the collector, the instance is in them, and /metrics has an exemplar for who takes it',
  async (t) => {
    const receiver = await startOtlpReceiver(t);
    const { sidecar, client } = await start({ tracing: { otlp: receiver.url, sample: '0%', service_name: 'shop' } });
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
    const traceparent = `00-${traceId}-00f067aa0ba902b7-01`;
    const metadata = [
      ['traceparent', traceparent],
      ['echo-show', 'traceparent'],
    ] as const;
    const { headers } = await client.unary('x', { metadata });
    await client.unary('x');
    await eventually(() => receiver.spans.length === 2);
    const [request, attempt] = receiver.spans;
    t.like(request, {
      traceId,
      parentSpanId: '00f067aa0ba902b7',
      serviceName: 'shop',
      name: 'outrigger.test.Echo/Unary',
    });
    t.like(attempt, { traceId, parentSpanId: request?.spanId });
    t.deepEqual(headers?.get('shown-traceparent'), [`00-${traceId}-${attempt?.spanId}-01`]);
    const accept = { accept: 'application/openmetrics-text' };
    const metrics = await (await fetch(`${sidecar.telemetry}/metrics`, { headers: accept })).text();
    t.true(metrics.includes(`# {trace_id="${traceId}",span_id="${request?.spanId}"}`));
    t.regex(metrics, /^outrigger_spans_exported_total 2$/m);
  },
);
