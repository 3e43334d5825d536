import test from 'ava';
import { ENDPOINT, ENDPOINT_STATES, NO_RANGE } from '../../src/model/counters.ts';
import { INSTANCE_STATES, instanceState } from '../../src/observe/endpoint_state.ts';
import { World } from './world.ts';

test('an instance is as good as the best data thread sees it', (t) => {
  const world = new World(2);
  const { counters } = world.addInstance(world.addService('book', []), '127.0.0.1:1', null);
  const seen = (a: string, b: string) => {
    for (const [thread, state] of [a, b].entries()) {
      world.set(thread, counters, ENDPOINT.STATE, (ENDPOINT_STATES as readonly string[]).indexOf(state));
    }
    return instanceState(world.counters, counters);
  };
  t.is(seen('backoff', 'ready'), 'ready');
  t.is(seen('connecting', 'backoff'), 'connecting');
  t.is(seen('draining', 'ejected'), 'ejected');
  t.is(seen('unknown', 'unhealthy'), 'unhealthy');
  t.is(seen('unknown', 'unknown'), 'connecting');
});

test('every state that a data thread can see has its place', (t) => {
  t.deepEqual([...INSTANCE_STATES, 'unknown'].sort(), [...ENDPOINT_STATES, 'spare'].sort());
});

test('an instance without counters is one that nothing connects to', (t) => {
  t.is(instanceState(new World(1).counters, NO_RANGE), 'spare');
});
