import test from 'ava';
import fc from 'fast-check';
import type { Stream } from '../../../src/http2/streams/stream.ts';
import { StreamTable } from '../../../src/http2/streams/stream_table.ts';
import { holds } from '../../support/wire_property.ts';

/** All that the table looks at. */
const stream = (id: number): Stream => ({ id }) as Stream;

test('streams are found by id until they are deleted, and deleting twice says so', (t) => {
  const table = new StreamTable();
  const [first, third] = [stream(1), stream(3)];
  table.add(first);
  table.add(third);
  t.is(table.size, 2);
  t.is(table.get(1), first);
  t.is(table.get(3), third);
  t.is(table.get(5), undefined);
  t.is(table.get(2), undefined);
  t.true(table.delete(1));
  t.false(table.delete(1));
  t.is(table.get(1), undefined);
  t.deepEqual(table.all(), [third]);
});

test('the streams that `all` gives can be deleted, and others added, while they are walked', (t) => {
  const table = new StreamTable();
  for (let id = 1; id < 200; id += 2) table.add(stream(id));
  for (const { id } of table.all()) {
    table.delete(id);
    table.add(stream(id + 1000));
  }
  t.is(table.size, 100);
  t.deepEqual(
    table
      .all()
      .map(({ id }) => id)
      .sort((a, b) => a - b),
    Array.from({ length: 100 }, (_, i) => 1001 + 2 * i),
  );
});

interface Step {
  /** Streams opened now, ids in turn as on a connection, some of them skipped. */
  readonly open: number;
  readonly skip: number;
  /** Which of the open ones is closed, as fractions of their number. */
  readonly close: readonly number[];
}
const step: fc.Arbitrary<Step> = fc.record({
  open: fc.oneof(fc.nat(4), fc.nat(200)),
  skip: fc.nat(40),
  close: fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { maxLength: 150 }),
});

test('it holds what a Map would hold, whatever is opened and closed', async (t) => {
  await holds(
    t,
    fc.property(fc.array(step, { maxLength: 30 }), fc.constantFrom(1, 2, 2 ** 31 - 20_001), (steps, first) => {
      const table = new StreamTable();
      const model = new Map<number, Stream>();
      let id = first;
      for (const { open, skip, close } of steps) {
        for (let i = 0; i < open; i++, id += 2) {
          const each = stream(id);
          table.add(each);
          model.set(id, each);
        }
        for (const fraction of close) {
          const gone = [...model.keys()][Math.floor(fraction * model.size)];
          if (gone === undefined) break;
          model.delete(gone);
          if (!table.delete(gone)) throw new Error(`${gone} was not there`);
          if (table.delete(gone)) throw new Error(`${gone} was there twice`);
        }
        if (table.size !== model.size) throw new Error(`size ${table.size}, not ${model.size}`);
        for (const [key, each] of model) if (table.get(key) !== each) throw new Error(`${key} is lost`);
        if (table.all().length !== model.size) throw new Error('all() differs');
        if (table.get(id) !== undefined) throw new Error('found one that was never added');
        id += 2 * skip;
      }
    }),
    { numRuns: 150 },
  );
});
