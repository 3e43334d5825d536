import test from 'ava';
import { openRegistry } from '../../../src/control/registries/open.ts';
import { registryContract } from '../../contract/registry.ts';
import { eventually } from '../../support/eventually.ts';
import { recordingListener } from '../../support/recording_listener.ts';

registryContract(test, 'static', { changes: false, goesAway: false }, async ({ records, clock }) => {
  const instances = Object.values(records).map((record) =>
    'garbage' in record ? { address: record.garbage } : record,
  );
  return {
    registry: await openRegistry('here', { type: 'static' }, { clock }),
    query: { service: 'book', path: '', format: 'auto', instances },
    dispose: async () => {},
  };
});

test('a check finds the config, which is always there', async (t) => {
  t.is(await (await openRegistry('here', { type: 'static' })).check(''), null);
});

test("the config's instances get the defaults of the model, and the later one of two with an address counts", async (t) => {
  const registry = await openRegistry('here', { type: 'static' });
  const listener = recordingListener();
  registry.watch(
    {
      service: 'book',
      path: '',
      format: 'auto',
      instances: [
        { address: '127.0.0.1:1', version: 'v1' },
        { address: '127.0.0.1:1', version: 'v2', weight: 3, zone: 'a' },
        { address: '[::1]:2' },
        { address: 'nowhere' },
      ],
    },
    listener,
  );
  await eventually(() => listener.last === 'set');
  t.deepEqual(listener.answers, [
    {
      instances: [
        { id: '127.0.0.1:1', address: '127.0.0.1:1', version: 'v2', weight: 3, zone: 'a', metadata: {} },
        { id: '[::1]:2', address: '[::1]:2', version: null, weight: 1, zone: null, metadata: {} },
      ],
      bad: [{ key: 'services.book.instances[3]', problem: 'has no usable address: found "nowhere"' }],
    },
  ]);
});
