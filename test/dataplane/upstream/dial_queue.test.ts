import test from 'ava';
import { DialQueue } from '../../../src/dataplane/upstream/dial_queue.ts';

/** The end of this turn of the event loop: what a turn does at its end has been done. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function recorder() {
  const dialed: string[] = [];
  const item = (name: string, then = () => {}) => ({
    dial() {
      dialed.push(name);
      then();
    },
  });
  return { dialed, item };
}

test('the first is dialed at once, the others one per turn, in order', async (t) => {
  const queue = new DialQueue();
  const { dialed, item } = recorder();
  const names = ['a', 'b', 'c', 'd', 'e'];
  for (const name of names) queue.add(item(name));
  for (let done = 1; done <= names.length; done++) {
    t.deepEqual(dialed, names.slice(0, done));
    await turn();
  }
  await turn();
  t.deepEqual(dialed, names);
});

test('what comes while others wait is dialed after them, and no sooner', async (t) => {
  const queue = new DialQueue();
  const { dialed, item } = recorder();
  const late = item('late');
  queue.add(item('a'));
  queue.add(item('b', () => queue.add(late)));
  queue.add(item('c'));
  await turn();
  t.deepEqual(dialed, ['a', 'b']);
  await turn();
  t.deepEqual(dialed, ['a', 'b', 'c']);
  await turn();
  t.deepEqual(dialed, ['a', 'b', 'c', 'late']);
});

test('a queue that came to rest dials the next one at once again, and only one', async (t) => {
  const queue = new DialQueue();
  const { dialed, item } = recorder();
  for (const round of [1, 2, 3]) {
    queue.add(item(`a${round}`));
    queue.add(item(`b${round}`));
    t.deepEqual(dialed.slice(-1), [`a${round}`]);
    await turn();
    await turn();
    await turn();
    t.deepEqual(dialed.slice(-1), [`b${round}`]);
  }
});

/** A queue whose pauses end when the test says so. */
function paused() {
  let waiting: (() => void)[] = [];
  const queue = new DialQueue((task) => waiting.push(task));
  /** Ends the pause that there is; false when there is none. */
  const go = (): boolean => {
    const tasks = waiting;
    waiting = [];
    for (const task of tasks) task();
    return tasks.length > 0;
  };
  return { queue, go };
}

for (const [count, each] of [
  [1_000, 1],
  [10_000, 10],
] as const) {
  test(`of ${count} the first are dialed one per turn, and then ${each} after each pause`, async (t) => {
    const { queue, go } = paused();
    const { dialed, item } = recorder();
    for (let i = 0; i < count; i++) queue.add(item(String(i)));
    for (let turns = 1; turns < 32; turns++) {
      t.is(dialed.length, turns);
      t.false(go());
      await turn();
    }
    t.is(dialed.length, 32);
    for (let pauses = 0; dialed.length < count; pauses++) {
      await turn();
      t.is(dialed.length, 32 + pauses * each);
      t.true(go());
    }
    t.deepEqual(
      dialed,
      Array.from({ length: count }, (_, i) => String(i)),
    );
    go();
    queue.add(item('next'));
    t.is(dialed.at(-1), 'next', 'at rest, the next one is dialed at once');
  });
}
