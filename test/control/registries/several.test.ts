import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { OutriggerError } from '../../../src/base/errors.ts';
import { openRegistry } from '../../../src/control/registries/open.ts';
import { openSeveral } from '../../../src/control/registries/several/registry.ts';
import { type Records, registryContract } from '../../contract/registry.ts';
import { manualClock } from '../../support/manual_clock.ts';
import { recordingListener } from '../../support/recording_listener.ts';
import { instanceOn, scriptedRegistry } from '../../support/scripted_registry.ts';
import { temporaryDirectory } from '../../support/sidecar.ts';

const QUERY = { service: 'book', path: 'shown', format: 'auto' };

function setUp(mode: 'union' | 'priority', emptyProtection = 0) {
  const clock = manualClock();
  const etcd = scriptedRegistry('etcd');
  const consul = scriptedRegistry('consul');
  const registry = openSeveral(
    [
      { registry: etcd, path: '/services/{service}/', emptyProtection },
      { registry: consul, path: '{service}', emptyProtection: 0 },
    ],
    mode,
    clock,
  );
  const listener = recordingListener();
  const watch = registry.watch(QUERY, listener);
  const ports = (): string | undefined =>
    listener
      .addresses()
      ?.map((address) => address.split(':')[1])
      .join();
  return { clock, etcd, consul, registry, listener, watch, ports };
}

test('each registry is asked at its own path', async (t) => {
  const { etcd, consul, registry, watch } = setUp('union');
  t.is(registry.name, 'etcd, consul');
  t.is(etcd.watches.get('book')?.query.path, '/services/book/');
  t.is(consul.watches.get('book')?.query.path, 'book');
  await watch.close();
  t.is(etcd.watches.size + consul.watches.size, 0);
});

test('union: the instances of all; the first registry speaks for an address that both know', (t) => {
  const { etcd, consul, listener, ports, clock } = setUp('union');
  consul.set('book', [instanceOn(2, { version: 'consul' }), instanceOn(3)], [{ key: 'k', problem: 'p' }]);
  clock.advance(999);
  t.is(listener.last, 'nothing', 'the slower one is waited for');
  clock.advance(1);
  t.is(ports(), '2,3', 'but not for long');
  etcd.set('book', [instanceOn(1), instanceOn(2, { version: 'etcd' })]);
  t.is(ports(), '1,2,3');
  const answer = listener.answers.at(-1);
  t.is(answer?.instances.find(({ address }) => address.endsWith(':2'))?.version, 'etcd');
  t.deepEqual(answer?.bad, [{ key: 'consul: k', problem: 'p' }]);
  t.is(answer?.trouble, undefined);
});

test('union: a registry that fails keeps its last set, and the whole is marked until it answers', (t) => {
  const { etcd, consul, listener, ports } = setUp('union');
  etcd.set('book', [instanceOn(1)]);
  consul.set('book', [instanceOn(2)]);
  etcd.fail('book', 'etcd_unavailable');
  t.is(ports(), '1,2');
  t.is(listener.last, 'error');
  t.is(listener.errors.at(-1)?.code, 'etcd_unavailable');
  consul.set('book', [instanceOn(3)]);
  t.is(ports(), '1,3');
  t.is(listener.answers.at(-1)?.trouble?.code, 'etcd_unavailable', 'an answer of the other cures nothing');
  etcd.set('book', []);
  t.is(ports(), '3');
  t.is(listener.answers.at(-1)?.trouble, undefined);
});

test('union: that there is nobody is said when all have said so', (t) => {
  const { etcd, consul, listener, ports } = setUp('union');
  etcd.set('book', []);
  t.is(listener.last, 'nothing');
  consul.fail('book', 'consul_unavailable');
  t.is(listener.last, 'error');
  t.is(listener.errors.at(-1)?.code, 'consul_unavailable');
  consul.set('book', []);
  t.is(ports(), '');
});

test('priority: the first registry that has any, whoever answers first', (t) => {
  const { etcd, consul, listener, ports } = setUp('priority');
  consul.set('book', [instanceOn(2)]);
  t.is(listener.last, 'nothing', 'the first may still have some');
  etcd.set('book', [instanceOn(1)]);
  t.is(ports(), '1');
  consul.fail('book', 'consul_unavailable');
  t.is(listener.last, 'set', 'nobody needs it');
  etcd.set('book', []);
  t.is(ports(), '2');
  etcd.set('book', [instanceOn(4)]);
  t.is(ports(), '4');
});

test('priority: the first that fails keeps its set; the second steps in for one that never answered', (t) => {
  const kept = setUp('priority');
  kept.etcd.set('book', [instanceOn(1)]);
  kept.consul.set('book', [instanceOn(2)]);
  kept.etcd.fail('book', 'etcd_unavailable');
  t.is(kept.ports(), '1');
  t.is(kept.listener.errors.at(-1)?.code, 'etcd_unavailable');

  const never = setUp('priority');
  never.etcd.fail('book', 'etcd_unavailable');
  t.is(never.listener.last, 'nothing');
  never.consul.set('book', [instanceOn(2)]);
  t.is(never.ports(), '2');
  t.is(never.listener.answers.at(-1)?.trouble?.code, 'etcd_unavailable');
});

test('the empty answer of one registry is doubted as its own config says, and the whole is marked meanwhile', (t) => {
  const { etcd, consul, clock, ports, listener } = setUp('union', 60_000);
  etcd.set('book', [instanceOn(1)]);
  consul.set('book', [instanceOn(2)]);
  etcd.set('book', []);
  consul.set('book', []);
  t.is(ports(), '1');
  t.regex(listener.answers.at(-1)?.trouble?.message ?? '', /^registry "etcd" says that all instances are gone/);
  clock.advance(60_000);
  t.is(ports(), '');
  t.is(listener.answers.at(-1)?.trouble, undefined);
});

test('one registry that answers the check is enough', async (t) => {
  const { etcd, consul, registry } = setUp('union');
  etcd.checked = new OutriggerError('etcd_unavailable', 'away');
  t.is(await registry.check('x'), null);
  consul.checked = new OutriggerError('consul_unavailable', 'away');
  t.is((await registry.check('x'))?.code, 'etcd_unavailable');
});

/** Every other record stands in the second of two files, and those of the first file with an address there, too. */
registryContract(test, 'several', { changes: true, goesAway: true }, async ({ records, clock, away = false }) => {
  const directory = temporaryDirectory();
  const paths = ['a', 'b'].map((name) => join(directory, `${name}.yaml`));
  const write = async (wanted: Records): Promise<void> => {
    const entries = Object.values(wanted).map((record) => ('garbage' in record ? JSON.parse(record.garbage) : record));
    const shares = [
      entries.filter((_, at) => at % 2 === 0),
      entries.filter((entry, at) => at % 2 === 1 || 'address' in entry),
    ];
    for (const [at, path] of paths.entries()) await writeFile(path, JSON.stringify({ services: { book: shares[at] } }));
  };
  const move = async (from: string, to: string): Promise<void> => {
    for (const path of paths) await rename(path + from, path + to);
  };
  await write(records);
  if (away) await move('', '.aside');
  const members = await Promise.all(
    paths.map(async (path, at) => ({
      registry: await openRegistry(`files ${at}`, { type: 'file', path }, { clock }),
      path: '/services/{service}/',
      emptyProtection: 0,
    })),
  );
  const several = openSeveral(members, 'union', clock);
  return {
    registry: {
      ...several,
      get stats() {
        const all = members.map(({ registry }) => registry.stats);
        const errors: Record<string, number> = {};
        for (const [code, count] of all.flatMap((stats) => Object.entries(stats.errors)))
          errors[code] = (errors[code] ?? 0) + count;
        return { updates: all[0]?.updates ?? 0, errors, lastUpdateAt: all[0]?.lastUpdateAt ?? 0 };
      },
      async close() {
        await several.close();
        await Promise.all(members.map(({ registry }) => registry.close()));
      },
    },
    query: QUERY,
    write,
    away: () => move('', '.aside'),
    back: () => move('.aside', ''),
    dispose: async () => {},
  };
});
