import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { ModulePolicies } from '../../../src/dataplane/balancing/module_policies.ts';
import type { Candidate, Picker } from '../../../src/dataplane/balancing/picker.ts';
import type { ModulePath } from '../../../src/model/balancing.ts';
import { policyContract } from '../../contract/policy.ts';
import { candidates, TestContext, tally } from '../../support/candidates.ts';
import { temporaryDirectory } from '../../support/sidecar.ts';

const EXAMPLE = new URL('../../../config/my_policy.ts', import.meta.url).pathname as ModulePath;

function setUp(source: string | null) {
  const path = (source === null ? EXAMPLE : join(temporaryDirectory(), 'policy.mjs')) as ModulePath;
  const write = (text: string): void => writeFileSync(path, text);
  if (source !== null) write(source);
  const faults: string[] = [];
  const events: string[] = [];
  const policies = new ModulePolicies({
    onLoaded: () => events.push('loaded'),
    onNotLoaded: () => events.push('not loaded'),
    onFault: (_, what) => faults.push(what),
  });
  let counted = 0;
  const factory = policies.factory(path, () => counted++);
  return { path, write, policies, factory, faults, events, counted: () => counted };
}

const example = setUp(null);
await example.policies.load({ path: EXAMPLE, revision: 0 });
policyContract('the example', example.factory, { weighted: false, spreads: true });

test('the example of config/ prefers the instance that answers faster, and does nothing wrong', (t) => {
  const members = candidates(3);
  for (const [index, latency] of [50, 5, 50].entries()) members[index]?.load.ended(latency, false, 0);
  const counts = tally(example.factory(members, null, { random: new TestContext().random, now: () => 0 }), 3, 1_000);
  t.true((counts[1] as number) > 650, String(counts));
  t.deepEqual([example.faults, example.counted()], [[], 0]);
});

test('before it is loaded, round robin picks, and that is no fault', (t) => {
  const { factory, counted } = setUp('export default () => ({ pick: () => 0 })');
  t.deepEqual(tally(factory(candidates(3), null, new TestContext()), 3, 9), [3, 3, 3]);
  t.is(counted(), 0);
});

test('once it is loaded, pickers are its own', async (t) => {
  const { path, policies, factory, events } = setUp('export default (all) => ({ pick: (key) => key % all.length })');
  await policies.load({ path, revision: 1 });
  t.deepEqual(events, ['loaded']);
  t.deepEqual(
    [0, 1, 5].map((key) => factory(candidates(3), null, new TestContext()).pick(key)),
    [0, 1, 2],
  );
});

const FAULTS: readonly [what: string, source: string, message: RegExp][] = [
  ['throws in pick', 'export default () => ({ pick() { throw new Error("oh"); } })', /threw in pick: oh/],
  ['throws something odd', 'export default () => ({ pick() { throw Object.create(null); } })', /threw in pick/],
  ['picks -1', 'export default () => ({ pick: () => -1 })', /picked -1, which is no index of its 3 candidates/],
  ['picks one too many', 'export default () => ({ pick: () => 3 })', /picked 3,/],
  ['picks a fraction', 'export default () => ({ pick: () => 0.5 })', /picked 0.5,/],
  ['picks nothing', 'export default () => ({ pick() {} })', /picked undefined,/],
  ['picks NaN', 'export default () => ({ pick: () => NaN })', /picked NaN,/],
  ['makes no picker', 'export default () => null', /made no picker, but null/],
  ['throws when a picker is made', 'export default () => { throw new Error("no"); }', /was to be made: no/],
];

for (const [what, source, message] of FAULTS) {
  test(`one that ${what}: round robin takes over, each time is counted, and it is told once`, async (t) => {
    const { path, policies, factory, faults, counted } = setUp(source);
    await policies.load({ path, revision: 1 });
    const picker = factory(candidates(3), null, new TestContext());
    const before = counted();
    t.deepEqual(tally(picker, 3, 9), [3, 3, 3]);
    t.is(counted() - before, 9);
    const distinct = faults.filter((fault) => message.test(fault));
    t.is(distinct.length, 1, faults.join('\n'));
  });
}

for (const [what, source, message] of [
  ['does not parse', 'export default (', /it cannot be loaded: /],
  ['throws at its top', 'throw new Error("too early")', /it cannot be loaded: too early/],
  ['exports nothing', 'export const policy = 1', /no default export that is a function/],
  ['exports something else', 'export default { pick: () => 0 }', /no default export that is a function/],
] as const) {
  test(`one that ${what} is told about, and round robin goes on`, async (t) => {
    const { path, policies, factory, faults, events } = setUp(source);
    await policies.load({ path, revision: 1 });
    t.deepEqual(events, ['not loaded']);
    t.is(faults.length, 1);
    t.regex(faults[0] as string, message);
    t.deepEqual(tally(factory(candidates(3), null, new TestContext()), 3, 9), [3, 3, 3]);
  });
}

test('another revision takes the place of the one before, once it works; what it left is not handed on', async (t) => {
  const counting = (step: number): string =>
    `export default (all, previous) => ({ at: previous ? previous.at : 0, pick() { return (this.at += ${step}) % all.length; } })`;
  const { path, write, policies, factory, faults } = setUp(counting(1));
  await policies.load({ path, revision: 1 });
  let picker: Picker = factory(candidates(10), null, new TestContext());
  t.deepEqual([picker.pick(0), picker.pick(0)], [1, 2]);
  picker = factory(candidates(10), picker, new TestContext());
  t.is(picker.pick(0), 3, 'the same revision goes on where it was');
  write('export default nonsense(');
  await policies.load({ path, revision: 2 });
  picker = factory(candidates(10), picker, new TestContext());
  t.is(picker.pick(0), 4, 'one that cannot be loaded changes nothing');
  write(counting(3));
  await policies.load({ path, revision: 3 });
  await policies.load({ path, revision: 2 });
  picker = factory(candidates(10), picker, new TestContext());
  t.is(picker.pick(0), 3, 'a new one starts anew');
  t.is(faults.length, 1);
});

test('a policy sees of an instance what the contract says, and can change nothing', async (t) => {
  const source = `export default (all) => {
    const keys = [];
    for (let at = all[0]; at !== Object.prototype; at = Object.getPrototypeOf(at)) keys.push(...Object.getOwnPropertyNames(at));
    globalThis.seenByPolicy = keys.sort();
    return { pick() { all[0].weight = 5; return 0; } };
  }`;
  const { path, policies, factory, counted } = setUp(source);
  await policies.load({ path, revision: 1 });
  const members: readonly Candidate[] = candidates(1);
  factory(members, null, new TestContext()).pick(0);
  const { seenByPolicy } = globalThis as { seenByPolicy?: string[] };
  t.deepEqual(seenByPolicy, ['constructor', 'id', 'inFlight', 'load', 'weight']);
  t.is(members[0]?.weight, 1);
  t.is(counted(), 1, 'a module is strict: writing throws');
});
