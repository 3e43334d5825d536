import { isDeepStrictEqual } from 'node:util';
import test from 'ava';
import fc from 'fast-check';
import { diff, isEmpty } from '../../../src/control/cluster/diff.ts';
import type { Instance } from '../../../src/model/instance.ts';
import { instanceOn } from '../../support/scripted_registry.ts';

const PLAIN = { noNullPrototype: true };
const instance = fc.record(
  {
    id: fc.constantFrom('a', 'b'),
    address: fc.integer({ min: 1, max: 12 }).map((port) => `127.0.0.1:${port}`),
    version: fc.constantFrom(null, 'v1', 'v2'),
    weight: fc.constantFrom(0, 1, 2),
    zone: fc.constantFrom(null, 'z'),
    metadata: fc.dictionary(fc.constantFrom('k', 'toString', '__proto__'), fc.constantFrom('1', '2'), PLAIN),
  },
  PLAIN,
);
const set = fc.uniqueArray(instance, { selector: ({ address }) => address });

function byAddress(instances: Iterable<Instance>): Map<string, Instance> {
  return new Map(Array.from(instances, (i) => [i.address, i]));
}

test('applying a diff to the old set gives the new one', (t) => {
  fc.assert(
    fc.property(set, set, (before, after) => {
      const { added, changed, removed } = diff(before, after);
      const result = byAddress(before);
      for (const { address } of removed) if (!result.delete(address)) return false;
      for (const i of added) if (result.has(i.address)) return false;
      for (const i of changed) if (!result.has(i.address)) return false;
      for (const i of [...added, ...changed]) result.set(i.address, i);
      // As maps, since the order of neither instances nor labels means anything.
      return isDeepStrictEqual(result, byAddress(after));
    }),
  );
  t.pass();
});

test('equal sets differ in nothing, in whatever order and however they came about', (t) => {
  fc.assert(fc.property(set, (instances) => isEmpty(diff(instances, structuredClone(instances).reverse()))));
  t.pass();
});

test('an instance is changed when a method is switched or limited in another way, and not when it is said again', (t) => {
  const of = (online: boolean, limit: number | null) => [instanceOn(1, { methods: { Get: { online, limit } } })];
  t.true(isEmpty(diff(of(true, 5), of(true, 5))));
  for (const after of [of(false, 5), of(true, 6), of(true, null), [instanceOn(1)]]) {
    t.is(diff(of(true, 5), after).changed.length, 1);
  }
  t.is(diff(of(true, 5), [instanceOn(1, { methods: { Put: { online: true, limit: 5 } } })]).changed.length, 1);
});

test('a diff is as small as it can be', (t) => {
  const before = [instanceOn(1), instanceOn(2, { version: 'v1' }), instanceOn(3)];
  const after = [instanceOn(4), instanceOn(1), instanceOn(2, { version: 'v2' })];
  t.deepEqual(diff(before, after), {
    added: [instanceOn(4)],
    changed: [instanceOn(2, { version: 'v2' })],
    removed: [instanceOn(3)],
  });
});

for (const [what, rest] of Object.entries({
  id: { id: 'x' },
  version: { version: 'x' },
  weight: { weight: 2 },
  zone: { zone: 'x' },
  'a label': { metadata: { x: 'y' } },
  'a method': { methods: { Get: { online: false, limit: null } } },
})) {
  test(`an instance whose ${what} differs is changed`, (t) => {
    t.is(diff([instanceOn(1)], [instanceOn(1, rest)]).changed.length, 1);
  });
}
