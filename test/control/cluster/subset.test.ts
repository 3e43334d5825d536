import test from 'ava';
import { hash32 } from '../../../src/base/hash.ts';
import { chooseSubset, hashesOf, highest } from '../../../src/control/cluster/subset.ts';

const instance = (index: number, version: string | null = null, weight = 1) => ({
  address: `10.0.${index >> 8}.${index & 255}:8080`,
  version,
  weight,
});
const fleet = (count: number) => Array.from({ length: count }, (_, index) => instance(index));

test('so many of each version are chosen, all where there are not more', (t) => {
  const instances = [...fleet(50), ...Array.from({ length: 3 }, (_, index) => instance(100 + index, 'v2'))];
  const chosen = chooseSubset(instances, 5, 'pod-1');
  t.is(instances.filter(({ address, version }) => version === null && chosen.has(address)).length, 5);
  t.is(instances.filter(({ address, version }) => version === 'v2' && chosen.has(address)).length, 3);
  t.is(chosen.size, 8);
});

test('the choice depends on the sidecar and on who is there, and not on the order in which they are told', (t) => {
  const instances = fleet(100);
  const chosen = [...chooseSubset(instances, 10, 'pod-1')].sort();
  t.deepEqual([...chooseSubset(instances.toReversed(), 10, 'pod-1')].sort(), chosen);
  t.notDeepEqual([...chooseSubset(instances, 10, 'pod-2')].sort(), chosen);
});

test('an instance without weight is chosen only where there are too few others', (t) => {
  const instances = Array.from({ length: 20 }, (_, index) => instance(index, null, index < 6 ? 1 : 0));
  const few = chooseSubset(instances, 5, 'pod-1');
  t.true([...few].every((address) => instances.findIndex((other) => other.address === address) < 6));
  const all = chooseSubset(instances, 8, 'pod-1');
  t.is(instances.slice(0, 6).filter(({ address }) => all.has(address)).length, 6);
  t.is(all.size, 8);
});

test('the best are found as sorting would find them, for any size', (t) => {
  const hashes = hashesOf(fleet(200).map(({ address }) => address));
  const all = highest(hashes, 200, 42);
  t.is(new Set(all).size, 200);
  for (const size of [0, 1, 7, 199, 300]) t.deepEqual(highest(hashes, size, 42), all.slice(0, size));
});

test('instances are chosen about equally often by many sidecars', (t) => {
  const hashes = hashesOf(fleet(200).map(({ address }) => address));
  const counts = new Array<number>(200).fill(0);
  for (let sidecar = 0; sidecar < 2_000; sidecar++) {
    for (const index of highest(hashes, 20, hash32(`pod-${sidecar}`))) counts[index] = (counts[index] as number) + 1;
  }
  // 200 each, with the variance of drawing: a standard deviation of 13.4.
  const variance = counts.reduce((sum, count) => sum + (count - 200) ** 2, 0) / 200;
  t.true(Math.min(...counts) > 140 && Math.max(...counts) < 260, `${Math.min(...counts)} to ${Math.max(...counts)}`);
  t.true(variance > 90 && variance < 320, String(variance));
});

test('when an instance leaves, only those who had it take another one; when it is back, all is as before', (t) => {
  const instances = fleet(100);
  const left = instances.filter((_, index) => index !== 37);
  const gone = instances[37]?.address as string;
  let had = 0;
  for (let sidecar = 0; sidecar < 300; sidecar++) {
    const before = chooseSubset(instances, 10, `pod-${sidecar}`);
    const after = chooseSubset(left, 10, `pod-${sidecar}`);
    const kept = [...before].filter((address) => after.has(address)).length;
    if (before.has(gone)) had++;
    t.is(kept, before.has(gone) ? 9 : 10);
    t.is(after.size, 10);
  }
  t.true(had > 10 && had < 60, String(had));
});
