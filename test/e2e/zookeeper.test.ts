import test from 'ava';
import { connectEcho } from '../support/echo_client.ts';
import { eventually } from '../support/eventually.ts';
import { type GrpcServer, startGrpcServer } from '../support/grpc_server.ts';
import { startSidecar } from '../support/sidecar.ts';
import { callSteadily } from '../support/steady_calls.ts';
import { connectWriter, startZookeeper, zookeeperPresent } from '../support/zookeeper.ts';

const stoppers: (() => unknown)[] = [];
test.afterEach.always(async () => {
  for (const stop of stoppers.splice(0).reverse()) await stop();
});

async function startServer(name: string, version: string): Promise<GrpcServer> {
  const server = await startGrpcServer({ name, version });
  stoppers.push(() => server.stop());
  return server;
}

const PATH = '/services/echo';
const recordOf = ({ address, version }: GrpcServer): string => JSON.stringify({ node: { address, version } });

(zookeeperPresent() ? test.serial : test.serial.skip)(
  'calls go to what is registered in ZooKeeper, also when it dies, loses its sessions and comes back; none fails',
  async (t) => {
    const zookeeper = await startZookeeper();
    stoppers.push(() => zookeeper.stop());
    const [a, b, c] = [await startServer('a', 'v1'), await startServer('b', 'v1'), await startServer('c', 'v2')];
    let writer = await connectWriter(zookeeper.address);
    stoppers.push(() => writer.close());
    for (const server of [a, b]) await writer.put(`${PATH}/${server.name}`, recordOf(server));
    const sidecar = await startSidecar({
      registries: { main: { type: 'zookeeper', servers: [zookeeper.address] } },
      discover: { path: '/services/{service}/' },
    });
    stoppers.push(() => sidecar.kill());
    const client = connectEcho(sidecar.address);
    stoppers.push(() => client.close());
    t.is((await client.unary('x', { deadlineMs: 20_000 })).code, 0);
    await sidecar.untilReady('echo', 2);
    const calls = callSteadily(client);
    stoppers.push(() => calls.stop());
    /** The sidecar's set is what ZooKeeper says itself. */
    const agrees = (): Promise<unknown> =>
      eventually(async () => {
        const records = Object.values(await writer.list(PATH));
        const wanted = records.map((record) => (JSON.parse(record) as { node: { address: string } }).node.address);
        const service = await sidecar.service('echo');
        const listed = service?.instances.filter(({ state }) => state !== 'draining').map(({ address }) => address);
        if (listed?.sort().join() === wanted.sort().join() && service?.stale === false) return true;
        throw new Error(`ZooKeeper lists ${wanted}, the sidecar ${listed}, stale: ${service?.stale}`);
      }, 30_000);

    await writer.put(`${PATH}/c`, recordOf(c));
    await eventually(() => calls.answeredBy('c'));
    await writer.delete(`${PATH}/a`);
    await agrees();

    await zookeeper.kill();
    await eventually(async () => (await sidecar.service('echo'))?.stale === true, 30_000);
    t.is((await sidecar.service('echo'))?.instances.filter(({ state }) => state === 'ready').length, 2);
    await zookeeper.restart();
    const before = writer;
    writer = await connectWriter(zookeeper.address);
    const d = await startServer('d', 'v3');
    for (const server of [b, c, d]) await writer.put(`${PATH}/${server.name}-2`, recordOf(server));
    await eventually(() => calls.answeredBy('d'), 30_000);
    // Its nodes end with its session.
    await before.close();
    await eventually(async () => Object.keys(await writer.list(PATH)).length === 3, 30_000);
    await agrees();

    await calls.stop();
    t.deepEqual(calls.failures(), [], sidecar.output());
    t.true(calls.count() > 20);
  },
);
