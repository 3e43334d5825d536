import test from 'ava';
import { connectEcho } from '../support/echo_client.ts';
import { eventually } from '../support/eventually.ts';
import { startGrpcServer } from '../support/grpc_server.ts';
import { startSidecar } from '../support/sidecar.ts';

/** The sum of all series of `name` whose labels include `labels`. */
function sum(exposition: string, name: string, labels: Record<string, string> = {}): number {
  let total = 0;
  for (const line of exposition.split('\n')) {
    const match = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (match?.[1] !== name) continue;
    if (Object.entries(labels).every(([key, value]) => match[2]?.includes(`${key}="${value}"`)))
      total += Number(match[3]);
  }
  return total;
}

test.serial('calls that went through a sidecar are counted by service, version, instance and status', async (t) => {
  const servers = [
    await startGrpcServer({ name: 'a', version: 'v1' }),
    await startGrpcServer({ name: 'b', version: 'v2' }),
  ];
  const sidecar = await startSidecar({
    registries: { here: { type: 'static' } },
    services: {
      echo: { registry: 'here', instances: servers.map(({ address, version }) => ({ address, version })) },
    },
  });
  const client = connectEcho(sidecar.address);
  try {
    await sidecar.untilReady('echo', 2);
    for (let i = 0; i < 20; i++) await client.unary('x');
    await client.unary('x', { metadata: [['echo-status', '5']] });
    await client.unary('x', { metadata: [['x-version', 'v9']] });
    let metrics = '';
    await eventually(async () => {
      metrics = await (await fetch(`${sidecar.telemetry}/metrics`)).text();
      return sum(metrics, 'outrigger_requests_total', { service: 'echo' }) === 22;
    });
    t.is(sum(metrics, 'outrigger_requests_total', { service: 'echo', grpc_status: '0' }), 20);
    t.is(sum(metrics, 'outrigger_requests_total', { service: 'echo', grpc_status: '5' }), 1);
    t.is(sum(metrics, 'outrigger_rejected_total', { service: 'echo', reason: 'no_version' }), 1);
    t.true(sum(metrics, 'outrigger_requests_total', { version: 'v1' }) >= 10);
    t.true(sum(metrics, 'outrigger_requests_total', { version: 'v2' }) >= 10);
    for (const { address } of servers) {
      t.true(sum(metrics, 'outrigger_upstream_requests_total', { instance: address }) >= 10);
    }
    t.is(sum(metrics, 'outrigger_request_duration_seconds_count', { service: 'echo' }), 22);
    t.is(sum(metrics, 'outrigger_in_flight_requests', { service: 'echo' }), 0);
    t.is(sum(metrics, 'outrigger_instances', { service: 'echo', state: 'ready' }), 2);
    t.is(sum(metrics, 'outrigger_build_info'), 1);
    t.is((await fetch(`${sidecar.telemetry}/ready`)).status, 200);
    t.is((await fetch(`${sidecar.telemetry}/live`)).status, 200);
    t.is((await fetch(`${sidecar.telemetry}/services`)).status, 404, 'admin pages are not on the telemetry port');
    t.is((await fetch(`${sidecar.admin}/config`)).status, 200);
  } finally {
    client.close();
    await sidecar.kill();
    for (const server of servers) server.stop();
  }
});
