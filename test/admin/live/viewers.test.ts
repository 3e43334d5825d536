import test from 'ava';
import type { AdminView, ServiceView } from '../../../src/admin/admin_view.ts';
import { CHANGES_TOGETHER, MOST_VIEWERS, TICK, Viewers } from '../../../src/admin/live/viewers.ts';
import type { Change, Hello, ServiceDescription, Tick } from '../../../src/admin/live/wire.ts';
import { RefusedRequest, type StreamClient } from '../../../src/admin/router.ts';
import { silentLog } from '../../../src/base/log.ts';
import { CounterArena } from '../../../src/control/counters.ts';
import { Journal } from '../../../src/control/journal.ts';
import {
  ENDPOINT,
  ENDPOINT_STATES,
  observe,
  type Range,
  SERVICE,
  UPSTREAM_RESULTS,
  VERSION,
} from '../../../src/model/counters.ts';
import type { EndpointRecord } from '../../../src/model/snapshot.ts';
import { manualClock } from '../../support/manual_clock.ts';

/** A sidecar of one service whose counters and instances a test sets, and those who look at it. */
function stage() {
  const clock = manualClock();
  const counters = new CounterArena(1);
  const journal = new Journal(clock);
  const slots = (range: Range): Float64Array =>
    new Float64Array(counters.segments(0)[range.segment] as SharedArrayBuffer);
  const totals = { counters: counters.allocate(SERVICE.SLOTS), versions: { v1: counters.allocate(VERSION.SLOTS) } };
  const instances: EndpointRecord[] = [];
  const join = (address: string): EndpointRecord => {
    const record = { id: address, address, version: 'v1', weight: 1, zone: null, metadata: { token: 'never' } };
    instances.push({ ...record, counters: counters.allocate(ENDPOINT.SLOTS) });
    return instances.at(-1) as EndpointRecord;
  };
  const service: ServiceView = {
    name: 'book',
    registry: 'main',
    path: 'consul://ann:hunter2@host/book',
    format: 'auto',
    balance: 'round_robin',
    updatedAt: clock.now() - 500,
    stale: false,
    instances,
    totals,
    errorOf: (address) => (address === 'b:1' ? 'ECONNREFUSED' : null),
  };
  let looks = 0;
  const services: ServiceView[] = [service];
  const view: AdminView = {
    counters,
    journal,
    now: () => clock.now(),
    explain: () => Promise.reject(new Error('not here')),
    tap: () => null,
    config: () => null,
    services() {
      looks++;
      return services;
    },
  };
  const viewers = new Viewers({ view, clock, log: silentLog, version: '1.2.3', can: () => ['GET /tap'] });
  return {
    clock,
    journal,
    viewers,
    services,
    join,
    looks: () => looks,
    add: (range: Range, slot: number, count: number) => {
      const view = slots(range);
      view[range.offset + slot] = (view[range.offset + slot] as number) + count;
    },
    took: (range: Range, slot: number, seconds: number) => observe(slots(range), range.offset + slot, seconds),
    totals,
  };
}

/** Somebody who looks; `waiting` is what they leave unread. */
function look(viewers: Viewers) {
  const events: { readonly name: string; readonly data: unknown }[] = [];
  const client = {
    waiting: 0,
    ended: false,
    write(text: string) {
      for (const [, name = '', data = ''] of text.matchAll(/event: (\w+)\ndata: (.*)\n\n/g)) {
        events.push({ name, data: JSON.parse(data) });
      }
    },
    end() {
      client.ended = true;
    },
  };
  const leave = viewers.answer().stream?.(client as StreamClient) as () => void;
  const take = <T>(name: string): T[] => {
    const taken = events.filter((event) => event.name === name).map(({ data }) => data as T);
    for (const event of events.filter((other) => other.name === name)) events.splice(events.indexOf(event), 1);
    return taken;
  };
  return { client, leave, events, take };
}

test('who comes is told everything at once: who we are, what changed lately, all services and how they are', (t) => {
  const { viewers, join, journal } = stage();
  join('a:1');
  join('b:1');
  journal.add({ kind: 'joined', service: 'book', instances: ['a:1', 'b:1'] });
  const { events, take } = look(viewers);
  t.deepEqual(
    events.map(({ name }) => name),
    ['hello', 'journal', 'service', 'tick'],
  );
  const [hello] = take<Hello>('hello');
  t.deepEqual([hello?.version, hello?.can, hello?.bounds.length], ['1.2.3', ['GET /tap'], 16]);
  t.is(take<Change[]>('journal')[0]?.[0]?.count, 2);
  const [service] = take<ServiceDescription>('service');
  t.deepEqual(service?.instances, [
    ['a:1', 'a:1', 'v1', 1, null],
    ['b:1', 'b:1', 'v1', 1, null],
  ]);
  const [tick] = take<Tick>('tick');
  t.deepEqual(tick?.services[0]?.rows, [
    [0, 'connecting', 0, 0, 0, null, null, null],
    [1, 'connecting', 0, 0, 0, null, null, 'ECONNREFUSED'],
  ]);
  t.is(tick?.services[0]?.age, 500);
});

test('secrets are told to nobody', (t) => {
  const { viewers, join, journal } = stage();
  join('a:1');
  journal.add({ kind: 'registry_trouble', registry: 'main', detail: 'http://root:hunter2@host does not answer' });
  const { events } = look(viewers);
  t.false(JSON.stringify(events).includes('hunter2'));
  t.false(JSON.stringify(events).includes('never'));
});

test('every second counts and latencies are told, of instances only what has changed', (t) => {
  const { viewers, clock, join, add, took, totals } = stage();
  const a = join('a:1');
  join('b:1');
  const { take } = look(viewers);
  take('tick');
  add(a.counters, ENDPOINT.STATE, ENDPOINT_STATES.indexOf('ready'));
  add(a.counters, ENDPOINT.REQUESTS + UPSTREAM_RESULTS.indexOf('ok'), 3);
  add(a.counters, ENDPOINT.REQUESTS + UPSTREAM_RESULTS.indexOf('reset'), 1);
  add(totals.versions.v1, VERSION.REQUESTS + 18, 3); // 2xx, gRPC 0
  add(totals.versions.v1, VERSION.REQUESTS + 18 + 14, 2); // 2xx, gRPC 14
  add(totals.versions.v1, VERSION.REQUESTS + 18 + 5, 1); // 2xx, gRPC 5: the caller's own fault
  add(totals.versions.v1, VERSION.REQUESTS + 4 * 18 + 17, 1); // 5xx
  for (let n = 0; n < 4; n++) took(a.counters, ENDPOINT.DURATION, 0.004);
  took(totals.counters, SERVICE.DURATION, 0.004);
  clock.advance(TICK);
  const [tick] = take<Tick>('tick');
  const service = tick?.services[0];
  t.deepEqual([service?.requests, service?.errors], [7, 3]);
  t.is(service?.rows.length, 1);
  t.deepEqual(service?.rows[0]?.slice(0, 5), [0, 'ready', 0, 4, 1]);
  const [, , , , , p50, p99] = service?.rows[0] ?? [];
  t.true(Number(p50) > 2.5 && Number(p99) <= 5, `${p50} ${p99}`);
  t.deepEqual(service?.latency, [0, 0, 0, 0, 0, 1]);
  clock.advance(60 * TICK);
  t.is(take<Tick>('tick').at(-1)?.services[0]?.p50, null, 'latencies are of the last seconds');
});

test('who joins, and what else changes, is told as it happens', (t) => {
  const { viewers, clock, join, journal, services } = stage();
  join('a:1');
  const { take } = look(viewers);
  take('service');
  journal.add({ kind: 'lost', service: 'book', instances: ['b:1'] });
  journal.add({ kind: 'lost', service: 'book', instances: ['c:1'] });
  clock.advance(CHANGES_TOGETHER);
  t.deepEqual(
    take<Change>('change').map(({ kind, count }) => [kind, count]),
    [['lost', 2]],
  );
  clock.advance(TICK);
  t.is(take('service').length, 0);
  join('b:1');
  clock.advance(TICK);
  t.is(take<ServiceDescription>('service')[0]?.instances.length, 2);
  services.pop();
  clock.advance(TICK);
  t.deepEqual(take<Tick>('tick').at(-1)?.services, []);
});

test('nothing is read and nothing waits while nobody looks', (t) => {
  const { viewers, clock, looks, journal } = stage();
  t.is(clock.pending, 0);
  const one = look(viewers);
  const two = look(viewers);
  clock.advance(3 * TICK);
  t.is(looks(), 4, 'one look a second for all of them');
  one.leave();
  clock.advance(TICK);
  t.is(looks(), 5);
  two.leave();
  const before = two.events.length;
  t.is(clock.pending, 0);
  journal.add({ kind: 'joined' });
  clock.advance(10 * TICK);
  t.deepEqual([looks(), two.events.length], [5, before]);
});

test('there are only so many who look', (t) => {
  const { viewers } = stage();
  const all = Array.from({ length: MOST_VIEWERS }, () => look(viewers));
  const error = t.throws(() => viewers.answer(), { instanceOf: RefusedRequest });
  t.is(error?.status, 503);
  all[0]?.leave();
  t.notThrows(() => viewers.answer());
});

test('who does not read is told nothing more, and everything anew afterwards; in the end nothing at all', (t) => {
  const { viewers, clock, join } = stage();
  join('a:1');
  const { client, take, events } = look(viewers);
  take('hello');
  client.waiting = 2 * 1024 * 1024;
  const before = events.length;
  clock.advance(5 * TICK);
  t.is(events.length, before);
  client.waiting = 0;
  clock.advance(TICK);
  t.is(take('hello').length, 1);
  client.waiting = 2 * 1024 * 1024;
  clock.advance(40 * TICK);
  t.true(client.ended);
});
