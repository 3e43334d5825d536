import test from 'ava';
import { openRegistry } from '../../../src/control/registries/open.ts';
import { type Records, registryContract } from '../../contract/registry.ts';
import { startTcpProxy } from '../../support/tcp_proxy.ts';
import { connectWriter, startZookeeper, type ZookeeperServer, zookeeperPresent } from '../../support/zookeeper.ts';

function recordOf(record: Records[string]): string {
  if ('garbage' in record) return record.garbage;
  return JSON.stringify({ node: { name: 'book', address: record.address, version: record.version } });
}

if (zookeeperPresent()) {
  let server: ZookeeperServer;
  let worlds = 0;
  // One process for all tests, each with a part of the tree of its own: a Java machine takes its time to start.
  test.before(async () => {
    server = await startZookeeper();
  });
  test.after.always(() => server?.stop());

  const abilities = { changes: true, goesAway: true, slow: true };
  registryContract(test, 'zookeeper', abilities, async ({ records, clock, away = false, slow = 0 }) => {
    const chroot = `/world${++worlds}`;
    const path = `${chroot}/services/book`;
    const way = await startTcpProxy(server.port, { delay: slow });
    const writer = await connectWriter(server.address);
    let held: Records = {};
    const write = async (wanted: Records): Promise<void> => {
      const gone = Object.keys(held).filter((id) => !(id in wanted));
      const changed = Object.entries(wanted).filter(([id, record]) => {
        const known = held[id];
        return known === undefined || recordOf(known) !== recordOf(record);
      });
      held = wanted;
      await Promise.all([
        ...gone.map((id) => writer.delete(`${path}/${id}`)),
        ...changed.map(([id, record]) => writer.put(`${path}/${id}`, recordOf(record))),
      ]);
    };
    await write(records);
    if (away) way.cut();
    const options = { type: 'zookeeper', servers: [`127.0.0.1:${way.port}`], chroot } as const;
    return {
      registry: await openRegistry('main', options, { clock }),
      query: { service: 'book', path: '/services/book/', format: 'auto' },
      write,
      away: async () => way.cut(),
      back: async () => way.mend(),
      async dispose() {
        await way.close();
        await writer.close();
      },
    };
  });
} else {
  test.skip('ZooKeeper is not installed: sh .ci/install --servers', () => {});
}
