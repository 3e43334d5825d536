import test from 'ava';
import { avoidFailed, eachEndpointOnce, type FaultPolicy } from '../../../src/control/registries/etcd/hosts.ts';

const DOWN = new Error('14 UNAVAILABLE: no connection');

const outcome = async (policy: FaultPolicy, run: () => Promise<string>): Promise<string> => {
  try {
    return await policy.execute(run);
  } catch (error) {
    return (error as Error).message;
  }
};

test('a member that failed is passed over for ten seconds while there is another', async (t) => {
  let now = 0;
  const members = avoidFailed(2, () => now);
  const [a, b] = [members('a'), members('b')];
  let called = 0;
  const works = async (): Promise<string> => `${++called}`;
  const fails = (): Promise<string> => Promise.reject(DOWN);
  t.is(await outcome(a, works), '1');
  t.is(await outcome(a, fails), DOWN.message);
  t.is(await outcome(a, works), DOWN.message, 'not called');
  t.is(await outcome(b, works), '2');
  now = 9_999;
  t.is(await outcome(a, works), DOWN.message);
  now = 10_000;
  t.is(await outcome(a, works), '3');
});

test('when all members failed each is asked', async (t) => {
  const members = avoidFailed(2, () => 0);
  for (const host of ['a', 'b']) await outcome(members(host), () => Promise.reject(DOWN));
  for (const host of ['a', 'b']) t.is(await outcome(members(host), async () => 'well'), 'well');
  const alone = avoidFailed(1, () => 0)('a');
  await outcome(alone, () => Promise.reject(DOWN));
  t.is(await outcome(alone, async () => 'well'), 'well');
});

test('what any member would say is held against none', async (t) => {
  const a = avoidFailed(2, () => 0)('a');
  await outcome(a, () => Promise.reject(new Error('7 PERMISSION_DENIED: etcdserver: permission denied')));
  t.is(await outcome(a, async () => 'well'), 'well');
});

test('each endpoint is tried once, and only for failures of a member', async (t) => {
  let tries = 0;
  const failing = (error: Error) => (): Promise<string> => {
    tries++;
    return Promise.reject(error);
  };
  await outcome(eachEndpointOnce(3), failing(DOWN));
  t.is(tries, 3);
  tries = 0;
  await outcome(eachEndpointOnce(3), failing(new Error('7 PERMISSION_DENIED: no')));
  t.is(tries, 1);
});
