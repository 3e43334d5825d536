import test from 'ava';
import { openRegistry } from '../../../src/control/registries/open.ts';
import { type Records, registryContract } from '../../contract/registry.ts';
import { type ConsulAgent, startConsul } from '../../support/consul.ts';
import { present } from '../../support/requires.ts';
import { startTcpProxy } from '../../support/tcp_proxy.ts';

/** Operations that Consul 1.8 takes in one transaction. */
const MOST_OPERATIONS = 64;

/** The record of an instance in Consul's catalog, on a node that has no agent. */
function serviceOf(name: string, id: string, record: Records[string]): object {
  if ('garbage' in record) return { ID: id, Service: name, Address: record.garbage };
  const { address, version } = record;
  const [Address, port] = address.split(':');
  return { ID: id, Service: name, Address, Port: Number(port), Meta: version === undefined ? {} : { version } };
}

async function writeAll(consul: ConsulAgent, name: string, before: Records, after: Records): Promise<void> {
  const operation = (Verb: string, Service: object) => ({ Service: { Verb, Node: 'elsewhere', Service } });
  const gone = Object.keys(before).filter((id) => !(id in after));
  const operations = [
    ...gone.map((id) => operation('delete', { ID: `${name}-${id}`, Service: name })),
    ...Object.entries(after).map(([id, record]) => operation('set', serviceOf(name, `${name}-${id}`, record))),
  ];
  for (let at = 0; at < operations.length; at += MOST_OPERATIONS)
    await consul.call('PUT', 'txn', operations.slice(at, at + MOST_OPERATIONS));
}

if (present('consul')) {
  let consul: ConsulAgent;
  let opened = 0;
  test.before(async () => {
    consul = await startConsul();
    await consul.ready();
    await consul.call('PUT', 'catalog/register', { Node: 'elsewhere', Address: '127.0.0.1' });
  });
  test.after.always(() => consul.stop());

  const abilities = { changes: true, goesAway: true, slow: true };
  registryContract(test, 'consul', abilities, async ({ records, clock, away = false, slow = 0 }) => {
    const name = `book${++opened}`;
    const way = await startTcpProxy(consul.port, { delay: slow });
    let held: Records = {};
    const write = async (wanted: Records): Promise<void> => {
      await writeAll(consul, name, held, wanted);
      held = wanted;
    };
    await write(records);
    if (away) way.cut();
    let disposed: Promise<void> | null = null;
    return {
      registry: await openRegistry(
        'agent',
        { type: 'consul', address: `http://127.0.0.1:${way.port}`, health: 'passing', consistency: 'default' },
        { clock },
      ),
      query: { service: name, path: name, format: 'auto' },
      write,
      away: async () => way.cut(),
      back: async () => way.mend(),
      dispose() {
        disposed ??= way.close();
        return disposed;
      },
    };
  });
} else {
  test.skip('consul is not installed: sh .ci/install --servers', () => {});
}
