import test from 'ava';
import { openRegistry } from '../../../src/control/registries/open.ts';
import { type Records, registryContract } from '../../contract/registry.ts';
import { type EtcdServer, startEtcd } from '../../support/etcd.ts';
import { present } from '../../support/requires.ts';
import { startTcpProxy } from '../../support/tcp_proxy.ts';

const PATH = '/services/book/';

function recordOf(record: Records[string]): string {
  if ('garbage' in record) return record.garbage;
  return JSON.stringify({ node: { name: 'book', address: record.address, version: record.version } });
}

async function writeAll(etcd: EtcdServer, before: Records, after: Records): Promise<void> {
  for (const id of Object.keys(before)) if (!(id in after)) await etcd.delete(PATH + id);
  const changed = Object.entries(after).filter(
    ([id, record]) => before[id] === undefined || recordOf(before[id]) !== recordOf(record),
  );
  const lanes = Array.from({ length: 16 }, async () => {
    for (let next = changed.pop(); next !== undefined; next = changed.pop())
      await etcd.put(PATH + next[0], recordOf(next[1]));
  });
  await Promise.all(lanes);
}

if (present('etcd')) {
  const abilities = { changes: true, goesAway: true, slow: true };
  registryContract(test, 'etcd', abilities, async ({ records, clock, away = false, slow = 0 }) => {
    const etcd = await startEtcd();
    const way = slow > 0 ? await startTcpProxy(etcd.port, { delay: slow }) : null;
    let held: Records = {};
    const write = async (wanted: Records): Promise<void> => {
      await writeAll(etcd, held, wanted);
      held = wanted;
    };
    await write(records);
    if (away) await etcd.kill();
    return {
      registry: await openRegistry(
        'main',
        { type: 'etcd', endpoints: [way === null ? etcd.endpoint : `http://127.0.0.1:${way.port}`] },
        { clock },
      ),
      query: { service: 'book', path: PATH, format: 'auto' },
      write,
      away: etcd.kill,
      back: etcd.restart,
      async dispose() {
        await way?.close();
        await etcd.stop();
      },
    };
  });
} else {
  test.skip('etcd is not installed: sh .ci/install --servers', () => {});
}
