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

test('a thousand take a thousand turns', async (t) => {
  const queue = new DialQueue();
  const { dialed, item } = recorder();
  for (let i = 0; i < 1_000; i++) queue.add(item(String(i)));
  let turns = 1;
  for (; dialed.length < 1_000 && turns < 2_000; turns++) {
    const before = dialed.length;
    await turn();
    t.true(dialed.length - before <= 1);
  }
  t.is(turns, 1_000);
});
