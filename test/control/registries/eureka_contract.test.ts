import test from 'ava';
import { openRegistry } from '../../../src/control/registries/open.ts';
import { type Records, registryContract } from '../../contract/registry.ts';
import { type FakeInstance, startEurekaServer } from '../../support/eureka_server.ts';
import { startTcpProxy } from '../../support/tcp_proxy.ts';

function instanceOf(id: string, record: Records[string]): FakeInstance {
  if ('garbage' in record) return { id, host: 'no host', ip: '', port: 1 };
  const port = Number(record.address.replace(/^.*:/, ''));
  return record.version === undefined ? { id, port } : { id, port, metadata: { version: record.version } };
}

const abilities = { changes: true, goesAway: true, slow: true, formats: false };
registryContract(test, 'eureka', abilities, async ({ records, clock, away = false, slow = 0 }) => {
  const eureka = await startEurekaServer();
  const way = await startTcpProxy(eureka.port, { delay: slow });
  let held: Records = {};
  const write = async (wanted: Records): Promise<void> => {
    for (const id of Object.keys(held)) if (!(id in wanted)) eureka.deregister('book', id);
    for (const [id, record] of Object.entries(wanted)) {
      if (JSON.stringify(held[id]) !== JSON.stringify(record)) eureka.register('book', instanceOf(id, record));
    }
    held = wanted;
  };
  await write(records);
  if (away) way.cut();
  const urls = [`http://127.0.0.1:${way.port}/eureka/v2`];
  return {
    registry: await openRegistry(
      'main',
      { type: 'eureka', urls, interval: 50, timeout: 5_000, address: 'host', port: 'auto' },
      { clock },
    ),
    query: { service: 'book', path: '/services/book/', format: 'auto' },
    write,
    away: async () => way.cut(),
    back: async () => way.mend(),
    async dispose() {
      await way.close();
      await eureka.stop();
    },
  };
});
