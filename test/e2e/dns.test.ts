import test from 'ava';
import { type DnsRecord, startDnsServer } from '../support/dns_server.ts';
import { connectEcho } from '../support/echo_client.ts';
import { eventually } from '../support/eventually.ts';
import { type GrpcServer, startGrpcServer } from '../support/grpc_server.ts';
import { startSidecar } from '../support/sidecar.ts';

const stoppers: (() => unknown)[] = [];
test.afterEach.always(async () => {
  for (const stop of stoppers.splice(0).reverse()) await stop();
});

const srv = ({ address }: GrpcServer): DnsRecord => ({
  type: 'SRV',
  target: 'host.internal',
  port: Number(address.split(':')[1]),
});

test('calls go to what SRV records name, and go on while the name servers fail', async (t) => {
  const servers: GrpcServer[] = [];
  for (const name of ['a', 'b', 'c']) {
    const server = await startGrpcServer({ name, version: 'v1' });
    stoppers.push(() => server.stop());
    servers.push(server);
  }
  const [a, b, c] = servers as [GrpcServer, GrpcServer, GrpcServer];
  const host = { 'host.internal': [{ type: 'A', address: '127.0.0.1' }] } as const;
  const dns = await startDnsServer({ ...host, '_grpc._tcp.echo.internal': [srv(a), srv(b)] });
  stoppers.push(() => dns.stop());
  const sidecar = await startSidecar({
    registries: { names: { type: 'dns', servers: [dns.address], min_ttl: '50ms', max_ttl: '200ms', timeout: '200ms' } },
    discover: { path: '_grpc._tcp.{service}.internal' },
  });
  stoppers.push(() => sidecar.kill());
  const client = connectEcho(sidecar.address);
  stoppers.push(() => client.close());

  const names = async (calls: number): Promise<string[]> => {
    const found = new Set<string>();
    for (let i = 0; i < calls; i++) {
      const outcome = await client.unary('x', { deadlineMs: 20_000 });
      t.is(outcome.code, 0, outcome.details);
      found.add(outcome.replies[0]?.name ?? '');
    }
    return [...found].sort();
  };
  await names(1);
  await sidecar.untilReady('echo', 2);
  t.deepEqual(await names(10), ['a', 'b']);

  dns.zone = { ...host, '_grpc._tcp.echo.internal': [srv(b), srv(c)] };
  await eventually(async () => (await names(4)).join() === 'b,c');

  dns.trouble.set('*', 2);
  await eventually(async () => (await sidecar.service('echo'))?.stale === true);
  t.deepEqual(await names(10), ['b', 'c']);
  dns.trouble.clear();
  await eventually(async () => (await sidecar.service('echo'))?.stale === false);
  t.is(await sidecar.stop(), 0);
});
