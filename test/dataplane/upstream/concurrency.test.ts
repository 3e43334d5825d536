import test from 'ava';
import { ConcurrencyLimit } from '../../../src/dataplane/upstream/concurrency.ts';
import { eventually } from '../../support/eventually.ts';
import { startPlane } from '../../support/plane.ts';
import { startApp } from '../../support/plane_app.ts';
import { startInstance } from '../../support/plane_instance.ts';
import { serviceSettings } from '../../support/service_settings.ts';

/** An instance that does `parallel` requests at a time in `latency` ms each, and makes the rest wait. */
class Simulated {
  readonly limit: ConcurrencyLimit;
  latency = 10;
  parallel = Number.POSITIVE_INFINITY;
  /** Requests that there would be without a limit. */
  demand = 1_000;
  #now = 0;

  constructor(limit: ConcurrencyLimit) {
    this.limit = limit;
  }

  /** So many windows of a hundred answers each; gives the limit after the last. */
  serve(windows: number): number {
    for (let window = 0; window < windows; window++) {
      this.#now += 1_000;
      for (let i = 0; i < 100; i++) {
        const inFlight = Math.min(this.demand, Math.floor(this.limit.limit));
        this.limit.answered(this.latency * Math.max(1, inFlight / this.parallel), inFlight, this.#now);
      }
    }
    return this.limit.limit;
  }
}

test('a limit that is a number stays it, and without one there is none', (t) => {
  t.is(new Simulated(new ConcurrencyLimit(7)).serve(50), 7);
  t.is(new Simulated(new ConcurrencyLimit(null)).serve(50), Number.POSITIVE_INFINITY);
});

test('the adaptive limit grows while answers come as fast as they used to', (t) => {
  const instance = new Simulated(new ConcurrencyLimit('adaptive'));
  const first = instance.limit.limit;
  t.true(instance.serve(18) > 1.5 * first, String(instance.limit.limit));
});

test('it settles near what the instance can do at once, and stays there however long that lasts', (t) => {
  const instance = new Simulated(new ConcurrencyLimit('adaptive'));
  instance.parallel = 30;
  instance.serve(100);
  const limits = Array.from({ length: 3_000 }, () => instance.serve(1));
  t.true(Math.max(...limits) < 75, String(Math.max(...limits)));
  // But for the moments in which it is measured how fast the instance could be.
  t.true(limits.filter((limit) => limit < 30).length < 0.02 * limits.length);
});

test('it falls when an instance becomes slow, never below a few, and grows again when it is well', (t) => {
  const instance = new Simulated(new ConcurrencyLimit('adaptive'));
  const before = instance.serve(50);
  instance.latency = 200;
  const slow = instance.serve(12);
  t.true(slow < before / 2, `${before} -> ${slow}`);
  t.true(instance.serve(100) >= 4);
  instance.latency = 10;
  t.true(instance.serve(200) > before / 2);
});

test('an instance whose work has become slower for good gets its share again after a while', (t) => {
  const instance = new Simulated(new ConcurrencyLimit('adaptive'));
  const before = instance.serve(50);
  instance.latency = 40;
  t.true(instance.serve(30) < before / 2);
  t.true(instance.serve(400) > before / 2);
});

test('an instance that is never asked for much keeps its limit', (t) => {
  const instance = new Simulated(new ConcurrencyLimit('adaptive'));
  const first = instance.limit.limit;
  instance.demand = 3;
  t.is(instance.serve(50), first);
});

test('an instance has at most so many requests at once; others take the rest, and what is left waits its turn', async (t) => {
  const plane = await startPlane(t);
  const instances = [await startInstance(t, { begun() {} }), await startInstance(t, { begun() {} })] as const;
  const { limits } = serviceSettings({ limits: { instance_concurrency: 2 } });
  const counters = await plane.serve('shop', instances, { limits });
  const app = await startApp(t, plane);
  const calls = Array.from({ length: 6 }, () => app.call('shop'));
  await eventually(() => instances.every(({ requests }) => requests.length === 2) && counters.pending === 2);
  t.is(counters.upstreamInFlight, 4);
  instances[0].requests[0]?.ok();
  instances[1].requests[1]?.ok();
  await eventually(() => instances.every(({ requests }) => requests.length === 3));
  for (const { requests } of instances) for (const request of requests) request.ok();
  for (const call of calls) t.is(await call.ended(), '0');
  t.is(counters.inFlight, 0);
});

test('in a panic, too, a request that waits gets the place that another one leaves', async (t) => {
  const plane = await startPlane(t);
  const instance = await startInstance(t, { begun() {} });
  const { limits } = serviceSettings({ limits: { instance_concurrency: 1 } });
  await plane.serve('shop', [instance], { limits });
  plane.tell('shop', [{ address: instance.address, healthy: false }], { limits });
  const app = await startApp(t, plane);
  const calls = [app.call('shop'), app.call('shop')];
  await eventually(() => instance.requests.length === 1);
  instance.requests[0]?.ok();
  await eventually(() => instance.requests.length === 2);
  instance.requests[1]?.ok();
  for (const call of calls) t.is(await call.ended(), '0');
});

test('a request that its client cancels leaves its place to one that waits', async (t) => {
  const plane = await startPlane(t);
  const instance = await startInstance(t, { begun() {} });
  const { limits } = serviceSettings({ limits: { instance_concurrency: 1 } });
  await plane.serve('shop', [instance], { limits });
  const app = await startApp(t, plane);
  const cancelled = app.call('shop');
  await eventually(() => instance.requests.length === 1);
  const waiting = app.call('shop');
  cancelled.cancel();
  await eventually(() => instance.requests.length === 2);
  instance.requests[1]?.ok();
  t.is(await waiting.ended(), '0');
});
