import test from 'ava';
import { type Judged, OutlierDetector } from '../../../src/dataplane/upstream/outlier_detector.ts';
import { PassiveHealth } from '../../../src/dataplane/upstream/passive_health.ts';
import { SERVICE } from '../../../src/model/counters.ts';
import { EJECTION_REASONS, type EjectionReason } from '../../../src/model/resilience.ts';
import { serviceSettings } from '../../support/service_settings.ts';

/** Instances without connections, a clock that the test moves, and the detector that judges them. */
class World {
  now = 1_000;
  readonly instances: (Judged & { readonly outs: { ms: number; reason: EjectionReason }[] })[];
  readonly detector: OutlierDetector;
  readonly block = { view: new Float64Array(SERVICE.SLOTS), base: 0 };

  constructor(count: number, outlier: object) {
    this.instances = Array.from({ length: count }, (_, index) => {
      const health = new PassiveHealth();
      const outs: { ms: number; reason: EjectionReason }[] = [];
      const eject = (ms: number, reason: EjectionReason): void => {
        health.ejectedUntil = this.now + ms;
        outs.push({ ms, reason });
      };
      return { id: `instance ${index}`, health, outs, eject };
    });
    this.detector = new OutlierDetector(serviceSettings({ outlier }).outlier, () => this.instances);
    this.detector.sweep(this.now, this.block);
  }

  instance(index: number): World['instances'][number] {
    return this.instances[index] as World['instances'][number];
  }

  /** So many requests to one instance, a share of which fails, evenly spread. */
  requests(index: number, count: number, failing: number): void {
    const instance = this.instance(index);
    for (let i = 0; i < count; i++) {
      const fails = Math.floor((i + 1) * failing) > Math.floor(i * failing);
      if (fails) this.detector.failed(instance, false, this.now, this.block);
      else this.detector.succeeded(instance);
    }
  }

  /** The next interval is over. */
  sweep(ms = 10_000): void {
    this.now += ms;
    this.detector.sweep(this.now, this.block);
  }

  /** Its time out is over, and the probe has succeeded. */
  letIn(index: number): void {
    this.instance(index).health.ejectedUntil = 0;
    this.detector.succeeded(this.instance(index));
  }

  get out(): number[] {
    return this.instances.flatMap(({ health }, index) => (health.ejected ? [index] : []));
  }

  ejections(reason: EjectionReason): number {
    return this.block.view[SERVICE.EJECTIONS + EJECTION_REASONS.indexOf(reason)] as number;
  }
}

const RATE_ONLY = { consecutive_failures: null, success_rate: { stdev: 1.9 } };
const PERCENTAGE_ONLY = { consecutive_failures: null, failure_percentage: { threshold: '50%' } };

test('the instance whose success rate lies far below the mean of all is left out at the end of the interval, and only then', (t) => {
  const world = new World(10, RATE_ONLY);
  for (let i = 0; i < 9; i++) world.requests(i, 200, 0.01);
  world.requests(9, 200, 0.4);
  t.deepEqual(world.out, []);
  world.sweep();
  t.deepEqual(world.out, [9]);
  t.is(world.ejections('success_rate'), 1);
});

test('when all fail alike, nobody’s success rate stands out', (t) => {
  const world = new World(10, RATE_ONLY);
  for (let i = 0; i < 10; i++) world.requests(i, 200, 0.5);
  world.sweep();
  t.deepEqual(world.out, []);
});

test('success rates are not compared while too few instances have had enough requests', (t) => {
  const few = new World(10, { consecutive_failures: null, success_rate: { minimum_hosts: 5, request_volume: 100 } });
  for (let i = 0; i < 4; i++) few.requests(i, 150, i === 0 ? 1 : 0);
  for (let i = 4; i < 10; i++) few.requests(i, 99, 0);
  few.sweep();
  t.deepEqual(few.out, []);
});

test('an instance is left out when at least the configured share of its requests failed in the interval', (t) => {
  const world = new World(5, PERCENTAGE_ONLY);
  for (let i = 0; i < 3; i++) world.requests(i, 100, 0);
  world.requests(3, 100, 0.49);
  world.requests(4, 100, 0.5);
  world.sweep();
  t.deepEqual(world.out, [4]);
  t.is(world.ejections('failure_percentage'), 1);
});

test('failures of one interval are forgotten in the next', (t) => {
  const world = new World(5, PERCENTAGE_ONLY);
  for (let interval = 0; interval < 4; interval++) {
    // Never as many requests in one interval as it takes to judge.
    for (let i = 0; i < 5; i++) world.requests(i, 30, i === 4 ? 1 : 0);
    world.sweep();
  }
  t.deepEqual(world.out, []);
});

test('an interval that is over is judged with the next failure, not only when somebody looks', (t) => {
  const world = new World(5, PERCENTAGE_ONLY);
  for (let i = 0; i < 5; i++) world.requests(i, 100, i === 2 ? 1 : 0);
  world.now += 9_999;
  world.requests(0, 1, 1);
  t.deepEqual(world.out, []);
  world.now += 1;
  world.requests(0, 1, 1);
  t.deepEqual(world.out, [2]);
});

test('each time out lasts longer than the one before, up to the limit; quiet intervals shorten the next one again', (t) => {
  const world = new World(3, { base_ejection: '30s', max_ejection: '100s' });
  for (let time = 0; time < 5; time++) {
    world.requests(0, 5, 1);
    t.deepEqual(world.out, [0]);
    world.letIn(0);
  }
  t.deepEqual(
    world.instance(0).outs.map(({ ms }) => ms),
    [30_000, 60_000, 90_000, 100_000, 100_000],
  );
  t.is(world.ejections('consecutive_failures'), 5);
  for (let quiet = 0; quiet < 4; quiet++) world.sweep();
  world.requests(0, 5, 1);
  t.is(world.instance(0).outs.at(-1)?.ms, 60_000);
});

test('intervals in which it is out do not shorten the next time out', (t) => {
  const world = new World(3, { base_ejection: '30s' });
  world.requests(0, 5, 1);
  for (let i = 0; i < 3; i++) world.sweep();
  world.letIn(0);
  world.requests(0, 5, 1);
  t.is(world.instance(0).outs.at(-1)?.ms, 60_000);
});

test('no more than the configured share is out at once, but one always may be; and never the last one', (t) => {
  const twenty = new World(20, { max_ejected: '10%' });
  for (let i = 0; i < 20; i++) twenty.requests(i, 20, 1);
  t.is(twenty.out.length, 2);
  const three = new World(3, { max_ejected: '10%' });
  for (let i = 0; i < 3; i++) three.requests(i, 20, 1);
  t.is(three.out.length, 1);
  const two = new World(2, { max_ejected: '100%' });
  for (let i = 0; i < 2; i++) two.requests(i, 20, 1);
  t.is(two.out.length, 1);
  const one = new World(1, { max_ejected: '100%' });
  one.requests(0, 20, 1);
  t.deepEqual(one.out, []);
});

test('a success in between begins the count of consecutive failures anew', (t) => {
  const world = new World(3, {});
  for (let i = 0; i < 10; i++) {
    world.requests(0, 4, 1);
    world.requests(0, 1, 0);
  }
  t.deepEqual(world.out, []);
  world.requests(0, 5, 1);
  t.deepEqual(world.out, [0]);
});

test('a probe that fails costs one request and a longer time out; failures of older requests are not the probe’s', (t) => {
  const world = new World(3, {});
  world.requests(0, 5, 1);
  const instance = world.instance(0);
  instance.health.ejectedUntil = 0;
  instance.health.probe = 'running';
  world.requests(0, 1, 1);
  t.deepEqual(world.out, []);
  world.detector.failed(instance, true, world.now, world.block);
  t.deepEqual(world.out, [0]);
  t.deepEqual(instance.outs.at(-1), { ms: 60_000, reason: 'probe_failed' });
  t.is(world.ejections('probe_failed'), 1);
});

test('with outlier detection off, nobody is ever left out', (t) => {
  const detector = new OutlierDetector(null, () => []);
  const { instances, block } = new World(3, {});
  for (let i = 0; i < 100; i++) detector.failed(instances[0] as Judged, false, 1_000 + i, block);
  t.false(instances[0]?.health.ejected);
  t.false(detector.isFailure(14));
});
