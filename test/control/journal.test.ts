import test from 'ava';
import { OutriggerError } from '../../src/base/errors.ts';
import type { ClusterChange } from '../../src/control/cluster/cluster.ts';
import {
  Journal,
  type JournalEntry,
  LONGEST_DETAIL,
  MOST_ENTRIES,
  MOST_NAMED,
  REPEATED_WITHIN,
} from '../../src/control/journal.ts';
import type { Instance } from '../../src/model/instance.ts';
import type { EndpointRecord } from '../../src/model/snapshot.ts';
import { manualClock } from '../support/manual_clock.ts';

const instance = (address: string): Instance => ({
  id: address,
  address,
  version: null,
  weight: 1,
  zone: null,
  metadata: {},
});

function change(diff: Partial<ClusterChange['diff']>): ClusterChange {
  const all = { added: [], changed: [], removed: [], ...diff };
  return { name: 'book', known: true, stale: false, updatedAt: 1, instances: [], trouble: null, diff: all };
}

const kinds = (journal: Journal): string[] => journal.entries().map(({ kind }) => kind);

test('a change of a set is an entry each for who left, changed and joined, with the first names and the count', (t) => {
  const journal = new Journal(manualClock());
  const many = Array.from({ length: MOST_NAMED + 3 }, (_, index) => instance(`10.0.0.${index}:1`));
  journal.membership(change({ added: many, changed: [instance('a:1')], removed: [instance('b:1')] }));
  journal.membership(change({}));
  t.deepEqual(kinds(journal), ['left', 'changed', 'joined']);
  const joined = journal.entries()[2] as JournalEntry;
  t.is(joined.count, MOST_NAMED + 3);
  t.deepEqual(
    joined.instances,
    many.slice(0, MOST_NAMED).map(({ address }) => address),
  );
});

test('what happens again within moments is one entry that counts, and moves to the end', (t) => {
  const clock = manualClock();
  const journal = new Journal(clock);
  const heard: JournalEntry[] = [];
  journal.onEntry((entry) => heard.push(entry));
  const ejected = () => journal.turned({ turn: 'ejected', service: 'book', address: 'a:1', detail: 'too bad' });
  ejected();
  journal.add({ kind: 'reloaded' });
  clock.advance(REPEATED_WITHIN - 1);
  ejected();
  t.deepEqual(kinds(journal), ['reloaded', 'ejected']);
  t.deepEqual([heard[2]?.id, heard[2]?.times, heard[2]?.detail], [heard[0]?.id, 2, 'too bad']);
  clock.advance(REPEATED_WITHIN);
  ejected();
  t.deepEqual(kinds(journal), ['reloaded', 'ejected', 'ejected']);
});

test('what happens to one instance after the other is one entry that grows', (t) => {
  const clock = manualClock();
  const journal = new Journal(clock);
  for (let n = 0; n < 1_000; n++) {
    clock.advance(10);
    journal.turned({ turn: 'unreachable', service: 'book', address: `a${n}:1`, detail: 'ECONNREFUSED' });
  }
  journal.turned({ turn: 'unreachable', service: 'user', address: 'a1:1', detail: '' });
  t.deepEqual(
    journal.entries().map(({ service, count, times, instances }) => [service, count, times, instances.length]),
    [
      ['book', 1_000, 1, MOST_NAMED],
      ['user', 1, 1, 1],
    ],
  );
});

test('only an instance that was out is back', (t) => {
  const journal = new Journal(manualClock());
  const turn = (kind: 'back' | 'lost') => journal.turned({ turn: kind, service: 'book', address: 'a:1', detail: '' });
  turn('back');
  t.deepEqual(kinds(journal), [], 'the first connection is no news');
  turn('lost');
  turn('back');
  turn('back');
  t.deepEqual(kinds(journal), ['lost', 'back']);
  turn('lost');
  journal.membership(change({ removed: [instance('a:1')] }));
  turn('back');
  t.deepEqual(kinds(journal).slice(-2), ['lost', 'left'], 'one that left and came is new');
});

test('health is an entry when it is another one than before', (t) => {
  const journal = new Journal(manualClock());
  const record = (healthy: boolean): EndpointRecord => ({
    ...instance('a:1'),
    counters: { segment: 0, offset: 0 },
    healthy,
  });
  const before = (healthy: boolean) => new Map([['a:1', record(healthy)]]);
  journal.health('book', new Map([['a:1', { healthy: true }]]), before(true));
  journal.health('book', new Map([['a:1', { healthy: false, unhealthyReason: 'HTTP 500' }]]), before(true));
  journal.health('book', new Map([['gone:1', { healthy: false }]]), before(true));
  journal.health('book', new Map([['a:1', { healthy: true }]]), before(false));
  t.deepEqual(kinds(journal), ['unhealthy', 'healthy']);
  t.is(journal.entries()[0]?.detail, 'HTTP 500');
});

test('registries and reloads are told of; a reload that changes nothing is not', (t) => {
  const journal = new Journal(manualClock());
  const error = new OutriggerError('etcd_unreachable', 'cannot reach etcd');
  journal.registry({ registry: 'main', error, over: false });
  journal.registry({ registry: 'main', error, over: true });
  const report = { changed: [], restart: [], problems: [] };
  journal.reloaded({ ...report, result: 'unchanged' });
  journal.reloaded({ ...report, result: 'applied', changed: ['services'], restart: ['workers'] });
  journal.reloaded({ ...report, result: 'rejected', problems: ['no such key'] });
  t.deepEqual(
    journal.entries().map(({ kind, detail }) => [kind, detail]),
    [
      ['registry_trouble', 'cannot reach etcd'],
      ['registry_back', null],
      ['reloaded', 'services; needs a restart: workers'],
      ['reload_rejected', 'no such key'],
    ],
  );
});

test('a journal is bounded, in entries and in what one says', (t) => {
  const journal = new Journal(manualClock());
  for (let n = 0; n < MOST_ENTRIES + 5; n++)
    journal.add({ kind: 'joined', service: `s${n}`, detail: 'x'.repeat(1_000) });
  t.is(journal.entries().length, MOST_ENTRIES);
  t.is(journal.entries()[0]?.service, 's5');
  t.is(journal.entries()[0]?.detail?.length, LONGEST_DETAIL);
});

test('who does not listen any more hears nothing', (t) => {
  const journal = new Journal(manualClock());
  let heard = 0;
  const stop = journal.onEntry(() => heard++);
  journal.add({ kind: 'joined' });
  stop();
  journal.add({ kind: 'left' });
  t.is(heard, 1);
});
