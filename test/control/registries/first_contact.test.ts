import test, { type ExecutionContext } from 'ava';
import { OutriggerError } from '../../../src/base/errors.ts';
import { FirstContact } from '../../../src/control/registries/first_contact.ts';
import { eventually } from '../../support/eventually.ts';
import { manualClock } from '../../support/manual_clock.ts';
import { scriptedRegistry } from '../../support/scripted_registry.ts';

const PATIENCE = 10_000;

function setUp(t: ExecutionContext, checked: OutriggerError | null) {
  const clock = manualClock();
  const registry = scriptedRegistry();
  registry.checked = checked;
  const paths: string[] = [];
  const check = registry.check.bind(registry);
  registry.check = (path) => {
    paths.push(path);
    return check(path);
  };
  const told: string[] = [];
  const contact = new FirstContact(registry, '/services/{service}/{service}', {
    clock,
    patience: PATIENCE,
    looked: () => told.push('looked'),
    began: ({ code }) => told.push(`began ${code}`),
    ended: ({ code }, cured) => told.push(`ended ${code} ${cured}`),
  });
  t.teardown(() => contact.close());
  return { clock, registry, paths, told, contact };
}

const AWAY = new OutriggerError('away', 'nobody there');
const LOCKED = new OutriggerError('locked', 'the wrong key');

test('a registry that answers is asked once, under what all its queries share', async (t) => {
  const { clock, paths, told, contact } = setUp(t, null);
  t.false(contact.answered);
  await eventually(() => contact.looked);
  t.true(contact.answered);
  t.is(contact.error, null);
  t.deepEqual(paths, ['/services/']);
  t.deepEqual(told, ['looked']);
  t.is(clock.pending, 0);
});

test('a registry that is away is asked again until it answers, and each trouble is told once', async (t) => {
  const { clock, registry, paths, told, contact } = setUp(t, AWAY);
  await eventually(() => clock.pending === 1);
  t.is(contact.error, AWAY);
  clock.advance(1_000);
  await eventually(() => paths.length === 2 && clock.pending === 1);
  t.deepEqual(told, ['began away', 'looked']);
  registry.checked = LOCKED;
  clock.advance(1_000);
  await eventually(() => contact.error === LOCKED);
  registry.checked = null;
  clock.advance(2_000);
  await eventually(() => contact.answered);
  t.deepEqual(told, ['began away', 'looked', 'ended away false', 'began locked', 'ended locked true']);
  t.is(clock.pending, 0);
});

test('asking ends when patience does, and a watch that has its answer counts as one', async (t) => {
  const { clock, registry, told, contact } = setUp(t, AWAY);
  await eventually(() => {
    if (clock.pending > 0) clock.advance(1_000);
    return told.includes('ended away false');
  });
  t.is(clock.pending, 0);
  t.false(contact.answered);
  registry.stats.updates++;
  t.true(contact.answered);
});

test('after close nothing is asked and nothing told', async (t) => {
  const { clock, paths, told, contact } = setUp(t, AWAY);
  await eventually(() => clock.pending === 1);
  contact.close();
  t.is(clock.pending, 0);
  const early = setUp(t, AWAY);
  early.contact.close();
  await new Promise(setImmediate);
  t.deepEqual([paths.length, told.length, early.told.length, early.clock.pending], [1, 2, 0, 0]);
});
