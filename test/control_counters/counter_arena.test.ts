import test from 'ava';
import fc from 'fast-check';
import { CounterArena } from '../../src/control/counters.ts';
import {
  ENDPOINT,
  type Range,
  SEGMENT_SLOTS,
  SERVICE,
  THREAD,
  THREAD_RANGE,
  VERSION,
} from '../../src/model/counters.ts';

/** The views that a data thread would make of its segments. */
function viewsOf(arena: CounterArena, thread: number): Float64Array[] {
  return arena.segments(thread).map((segment) => new Float64Array(segment));
}

function write(arena: CounterArena, thread: number, range: Range, slot: number, value: number): void {
  (viewsOf(arena, thread)[range.segment] as Float64Array)[range.offset + slot] = value;
}

test('the range of a data thread is the first of the first segment, in every thread', (t) => {
  const arena = new CounterArena(2);
  write(arena, 0, THREAD_RANGE, THREAD.UNROUTED, 2);
  write(arena, 1, THREAD_RANGE, THREAD.UNROUTED, 3);
  t.is(arena.sum(THREAD_RANGE, THREAD.UNROUTED), 5);
  t.is(arena.read(1, THREAD_RANGE, THREAD.UNROUTED), 3);
  const next = arena.allocate(SERVICE.SLOTS);
  t.true(next.segment > 0 || next.offset >= THREAD.SLOTS);
});

const steps = fc.array(
  fc.record({
    slots: fc.oneof(
      fc.constantFrom(SERVICE.SLOTS, VERSION.SLOTS, ENDPOINT.SLOTS, SEGMENT_SLOTS),
      fc.integer({ min: 1, max: 6_000 }),
    ),
    release: fc.option(fc.nat(), { nil: null }),
  }),
  { maxLength: 60 },
);

test('ranges never overlap, never straddle a segment, and are zero in every thread when handed out', (t) => {
  fc.assert(
    fc.property(steps, (script) => {
      const arena = new CounterArena(2);
      const live: { range: Range; slots: number }[] = [{ range: THREAD_RANGE, slots: THREAD.SLOTS }];
      for (const { slots, release } of script) {
        const range = arena.allocate(slots);
        t.true(range.offset + slots <= SEGMENT_SLOTS);
        for (const other of live) {
          const apart =
            other.range.segment !== range.segment ||
            other.range.offset + other.slots <= range.offset ||
            range.offset + slots <= other.range.offset;
          t.true(apart);
        }
        for (const thread of [0, 1]) {
          const view = viewsOf(arena, thread)[range.segment] as Float64Array;
          t.true(view.subarray(range.offset, range.offset + slots).every((value) => value === 0));
          view.fill(7, range.offset, range.offset + slots);
        }
        live.push({ range, slots });
        if (release !== null && live.length > 1) {
          const [gone] = live.splice(1 + (release % (live.length - 1)), 1);
          arena.release((gone as { range: Range }).range);
        }
      }
      // What others released and took did not touch what is still held.
      for (const { range, slots } of live.slice(1)) {
        for (let slot = 0; slot < slots; slot += 97) t.is(arena.sum(range, slot), 14);
      }
    }),
    { numRuns: 60 },
  );
});

test('a released range is the next one of its size, so that churn does not grow the memory', (t) => {
  const arena = new CounterArena(1);
  for (let round = 0; round < 5_000; round++) {
    const range = arena.allocate(ENDPOINT.SLOTS);
    arena.release({ ...range });
  }
  t.is(arena.segments(0).length, 1);
});

test('a range is released once: a second time is an error, not a range that two own', (t) => {
  const arena = new CounterArena(1);
  const range = arena.allocate(ENDPOINT.SLOTS);
  arena.release(range);
  t.throws(() => arena.release(range), { instanceOf: RangeError, message: /no range in use/ });
  t.throws(() => arena.release({ segment: 0, offset: range.offset + 1 }), { instanceOf: RangeError });
  t.throws(() => arena.release({ segment: 0, offset: SEGMENT_SLOTS + 1 }), { instanceOf: RangeError });
});

test('a size that no segment can hold is refused', (t) => {
  const arena = new CounterArena(1);
  for (const slots of [0, -1, 1.5, Number.NaN, SEGMENT_SLOTS + 1]) {
    t.throws(() => arena.allocate(slots), { instanceOf: RangeError });
  }
});

test('a new segment is told of, once per thread, before the range inside it is handed out', (t) => {
  const arena = new CounterArena(2);
  const told: [thread: number, segment: SharedArrayBuffer][] = [];
  const stop = arena.onSegment((thread, segment) => told.push([thread, segment]));
  while (arena.segments(0).length < 2) {
    t.is(told.length, 0);
    arena.allocate(ENDPOINT.SLOTS);
  }
  t.deepEqual(
    told.map(([thread]) => thread),
    [0, 1],
  );
  t.is(told[0]?.[1], arena.segments(0)[1]);
  t.is(told[1]?.[1], arena.segments(1)[1]);
  stop();
  arena.allocate(SEGMENT_SLOTS);
  t.is(told.length, 2);
});

test('when a data thread is replaced, counts go on and what described its moment is forgotten', (t) => {
  const arena = new CounterArena(2);
  const service = arena.allocate(SERVICE.SLOTS);
  const version = arena.allocate(VERSION.SLOTS);
  const endpoint = arena.allocate(ENDPOINT.SLOTS);
  const ranges = [
    { range: THREAD_RANGE, slots: THREAD.SLOTS, gauges: [THREAD.CONNECTIONS] },
    { range: service, slots: SERVICE.SLOTS, gauges: [SERVICE.IN_FLIGHT, SERVICE.PENDING] },
    { range: version, slots: VERSION.SLOTS, gauges: [] },
    {
      range: endpoint,
      slots: ENDPOINT.SLOTS,
      gauges: [ENDPOINT.STATE, ENDPOINT.IN_FLIGHT, 0, 1, 2].map((n, i) => (i < 2 ? n : ENDPOINT.CONNECTIONS + n)),
    },
  ];
  for (const thread of [0, 1]) {
    for (const { range, slots } of ranges) {
      for (let slot = 0; slot < slots; slot++) write(arena, thread, range, slot, 2);
    }
  }
  const before = arena.segments(0);
  arena.resetThread(0);
  t.deepEqual(arena.segments(0), before);
  for (const { range, slots, gauges } of ranges) {
    for (let slot = 0; slot < slots; slot++) {
      const gauge = (gauges as number[]).includes(slot);
      t.is(arena.read(0, range, slot), gauge ? 0 : 2);
      t.is(arena.read(1, range, slot), 2);
    }
  }
  t.throws(() => arena.resetThread(2), { instanceOf: RangeError });
});

test('the layouts differ in size, since the size says which slots of a range are gauges', (t) => {
  const sizes = [THREAD.SLOTS, SERVICE.SLOTS, VERSION.SLOTS, ENDPOINT.SLOTS];
  t.is(new Set<number>(sizes).size, sizes.length);
});
