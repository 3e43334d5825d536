import test from 'ava';
import fc from 'fast-check';
import { type Waiter, WaitQueue } from '../../../src/dataplane/upstream/wait_queue.ts';
import { holds } from '../../support/wire_property.ts';

class Entry implements Waiter {
  waitsIn: WaitQueue | null = null;
  waitOrder = 0;
  waitPrevious: Waiter | null = null;
  waitNext: Waiter | null = null;
}

function order(queue: WaitQueue): number[] {
  const list: number[] = [];
  for (let at = queue.head; at !== null; at = at.waitNext) list.push(at.waitOrder);
  return list;
}

test('first come first served, and whoever leaves takes nobody else along', async (t) => {
  const step = fc.record({ entry: fc.nat(7), queue: fc.nat(1), push: fc.boolean() });
  await holds(
    t,
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const queues = [new WaitQueue(), new WaitQueue()];
      const model: Entry[][] = [[], []];
      const entries = Array.from({ length: 8 }, () => new Entry());
      let arrivals = 0;
      for (const { entry, queue, push } of steps) {
        const each = entries[entry] as Entry;
        const at = queues[queue] as WaitQueue;
        if (push && each.waitsIn === null) {
          at.push(each, arrivals++);
          model[queue]?.push(each);
        } else if (!push) {
          // Of no effect on a queue that it does not stand in.
          at.remove(each);
          model[queue] = (model[queue] as Entry[]).filter((other) => other !== each);
        }
        for (const [i, expected] of model.entries()) {
          const real = queues[i] as WaitQueue;
          const numbers = expected.map(({ waitOrder }) => waitOrder);
          if (order(real).join() !== numbers.join()) throw new Error(`${order(real)} instead of ${numbers}`);
          if (real.length !== expected.length) throw new Error(`length ${real.length}`);
          if (!expected.every(({ waitsIn }) => waitsIn === real)) throw new Error('one does not know where it stands');
        }
      }
    }),
    { numRuns: 1_000 },
  );
});
