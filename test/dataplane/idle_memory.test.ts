import test from 'ava';
import { IdleMemory } from '../../src/dataplane/idle_memory.ts';

function setUp() {
  let released = 0;
  const memory = new IdleMemory(() => released++);
  const sweep = (times: number): void => {
    for (let i = 0; i < times; i++) memory.sweep();
  };
  return { memory, sweep, released: () => released };
}

test('a thread that was busy gives memory back after four sweeps without a request, once', (t) => {
  const { memory, sweep, released } = setUp();
  memory.touched();
  sweep(4);
  t.is(released(), 0);
  sweep(1);
  t.is(released(), 1);
  sweep(100);
  t.is(released(), 1);
  memory.touched();
  sweep(5);
  t.is(released(), 2);
});

test('one that has started and has no requests gives back what that took at the first sweep, once', (t) => {
  const { sweep, released } = setUp();
  sweep(1);
  t.is(released(), 1);
  sweep(100);
  t.is(released(), 1);
});

test('one that is never idle for so long gives nothing back', (t) => {
  const { memory, sweep, released } = setUp();
  for (let i = 0; i < 100; i++) {
    memory.touched();
    sweep(4);
  }
  t.is(released(), 0);
});
