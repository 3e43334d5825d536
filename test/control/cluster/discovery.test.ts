import test from 'ava';
import type { ClusterChange } from '../../../src/control/cluster/cluster.ts';
import { type Demand, Discovery } from '../../../src/control/cluster/discovery.ts';
import { isServiceName } from '../../../src/control/cluster/service_name.ts';
import { TroubleLog } from '../../../src/control/cluster/trouble_log.ts';
import { manualClock } from '../../support/manual_clock.ts';
import { recordingLog } from '../../support/recording_log.ts';
import { instanceOn, scriptedRegistry } from '../../support/scripted_registry.ts';

const MINUTE = 60_000;

function start(limits: { max?: number; idle?: number } = {}) {
  const registry = scriptedRegistry();
  const clock = manualClock();
  const log = recordingLog();
  const changes: ClusterChange[] = [];
  const dropped: string[] = [];
  const demand = new Map<string, Demand>();
  const discovery = new Discovery(
    { registry, path: '/s/{service}/of/{service}/', format: 'auto', emptyProtection: 0, ...limits },
    {
      clock,
      log,
      trouble: new TroubleLog(log),
      changed: (change) => changes.push(change),
      dropped: (name) => dropped.push(name),
      demand: (name) => demand.get(name) ?? { requests: 0, inFlight: 0 },
    },
  );
  return { registry, clock, log, changes, dropped, demand, discovery };
}

test('a name that is wanted is looked up at its place in the registry', (t) => {
  const { registry, discovery, changes } = start();
  t.is(discovery.wanted('book'), 'opened');
  t.is(discovery.wanted('book'), 'known');
  t.deepEqual(registry.watches.get('book')?.query, { service: 'book', path: '/s/book/of/book/', format: 'auto' });
  registry.set('book', [instanceOn(1)]);
  t.deepEqual(changes[0]?.instances, [instanceOn(1)]);
  t.is(discovery.get('book')?.membership.known, true);
  t.deepEqual(
    [...discovery.clusters()].map(({ name }) => name),
    ['book'],
  );
});

test('a name that the registry does not know works as soon as it registers', (t) => {
  const { registry, discovery, changes } = start();
  discovery.wanted('book');
  registry.set('book', []);
  t.true(changes[0]?.known);
  registry.set('book', [instanceOn(1)]);
  t.deepEqual(changes[1]?.diff.added, [instanceOn(1)]);
});

const NAMES: readonly [name: string, good: boolean][] = [
  ['book', true],
  ['Book-2.shop_1', true],
  ['a', true],
  ['a'.repeat(63), true],
  [Array.from({ length: 4 }, () => 'a'.repeat(62)).join('.'), true],
  ['a'.repeat(64), false],
  [Array.from({ length: 4 }, () => 'a'.repeat(63)).join('.'), false],
  ['', false],
  ['.', false],
  ['..', false],
  ['a..b', false],
  ['a.', false],
  ['-a', false],
  ['a/b', false],
  ['../secret', false],
  ['a b', false],
  ['a\0', false],
  ['{service}', false],
  ['$&', false],
  ['bücher', false],
  ['127.0.0.1', false],
  ['::1', false],
  ['localhost', false],
];

for (const [name, good] of NAMES) {
  test(`${JSON.stringify(name.slice(0, 20))} (${name.length}) ${good ? 'may' : 'may not'} be looked up`, (t) => {
    t.is(isServiceName(name), good);
    const { discovery, registry } = start();
    t.is(discovery.wanted(name), good ? 'opened' : 'invalid');
    t.is(registry.watches.size, good ? 1 : 0);
  });
}

test('a service that nobody asks for is dropped after the idle time', (t) => {
  const { clock, dropped, registry, discovery } = start();
  discovery.wanted('book');
  clock.advance(9 * MINUTE);
  t.deepEqual(dropped, []);
  clock.advance(2 * MINUTE);
  t.deepEqual(dropped, ['book']);
  t.is(registry.watches.size, 0);
  t.is(discovery.get('book'), null);
  t.is(discovery.wanted('book'), 'opened');
});

test('requests, a long stream and being wanted again keep a service', (t) => {
  const { clock, dropped, discovery, demand } = start();
  for (const name of ['counted', 'streaming', 'wanted', 'idle']) discovery.wanted(name);
  for (let minute = 1; minute <= 30; minute++) {
    if (minute % 9 === 0) demand.set('counted', { requests: minute, inFlight: 0 });
    demand.set('streaming', { requests: 1, inFlight: 1 });
    if (minute % 9 === 0) discovery.wanted('wanted');
    clock.advance(MINUTE);
  }
  t.deepEqual(dropped, ['idle']);
});

test('the number of services is bounded: an empty one makes room, one with instances does not', (t) => {
  const { registry, clock, dropped, discovery, log } = start({ max: 2 });
  discovery.wanted('full');
  registry.set('full', [instanceOn(1)]);
  clock.advance(1);
  discovery.wanted('empty');
  registry.set('empty', []);
  clock.advance(1);
  t.is(discovery.wanted('third'), 'opened');
  t.deepEqual(dropped, ['empty']);
  registry.set('third', [instanceOn(2)]);
  for (let i = 0; i < 100; i++) t.is(discovery.wanted(`more${i}`), 'full');
  t.deepEqual([...registry.watches.keys()], ['full', 'third']);
  t.is(log.messages('warn').length, 1);
});

test('closed, it follows nothing and leaves no timer', async (t) => {
  const { registry, clock, discovery, dropped } = start();
  discovery.wanted('book');
  discovery.wanted('user');
  await discovery.close();
  t.is(registry.watches.size, 0);
  t.is(clock.pending, 0);
  t.is(discovery.wanted('book'), 'invalid');
  t.deepEqual(dropped, []);
});

test('a registry that is away is one line in the log, and one when all services have their answers again', (t) => {
  const { registry, log, discovery } = start();
  const names = Array.from({ length: 100 }, (_, i) => `s${i}`);
  for (const name of names) discovery.wanted(name);
  for (const name of names) registry.fail(name, 'etcd_unavailable');
  for (const name of names) registry.fail(name, 'etcd_unavailable');
  t.deepEqual(log.messages('warn'), ['etcd_unavailable happened']);
  for (const name of names) registry.set(name, []);
  t.deepEqual(log.messages('info'), ['The registry "main" answers again.']);
  registry.fail('s1', 'etcd_unavailable');
  t.is(log.messages('warn').length, 2);
});
