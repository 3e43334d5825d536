import { type Fault, pick } from '../fault.ts';
import { InstanceProcess } from '../instance_process.ts';
import { detectedWithin, noneFails, onlyThoseUnderWayFail, othersServeAfter } from '../promises.ts';

/** Instances that die, hang, and are restarted. */
export const PROCESS_FAULTS: readonly Fault[] = [
  {
    name: 'kill',
    about: 'kill -9 of one instance of five',
    lasts: 4_000,
    async inject(stage, random) {
      const name = pick(stage.direct, random);
      // In this very moment: what the process still does is not waited for.
      stage.instance(name).signal('SIGKILL');
      return {
        hit: [name],
        heal: () =>
          stage
            .instance(name)
            .kill()
            .then(() => stage.instance(name).start()),
      };
    },
    broken: (observed) => [...onlyThoseUnderWayFail(observed), ...detectedWithin(observed, 1_000)],
  },
  {
    name: 'stop',
    about: 'SIGSTOP of one instance, SIGCONT later',
    lasts: 8_000,
    async inject(stage, random) {
      const name = pick(stage.direct, random);
      stage.instance(name).signal('SIGSTOP');
      return { hit: [name], heal: async () => stage.instance(name).signal('SIGCONT') };
    },
    broken: (observed) => [...othersServeAfter(observed, 5_000, 4), ...detectedWithin(observed, 5_000)],
  },
  {
    name: 'rolling restart',
    about: 'every instance in turn: SIGTERM, GOAWAY, calls in flight end, back on its port',
    lasts: 500,
    async inject(stage) {
      for (const instance of stage.instances.values()) {
        await instance.drain();
        await instance.start();
      }
      return { hit: [], heal: async () => {} };
    },
    broken: (observed) => noneFails(observed),
  },
  {
    name: 'half replaced',
    about: 'three of five instances leave and three others join at once; those that left end gracefully',
    lasts: 1_500,
    async inject(stage) {
      const others = ['x', 'y', 'z'].map(
        (name) => new InstanceProcess(name, { host: '127.0.0.1', port: 0, namespace: null }),
      );
      const left = ['a', 'b', 'c'];
      await Promise.all(others.map((other) => other.start()));
      await stage.register(new Map(others.map(({ name, address }) => [name, address])), left);
      await Promise.all(left.map((name) => stage.instance(name).drain()));
      return {
        hit: [],
        async heal() {
          await Promise.all(left.map((name) => stage.instance(name).start()));
          const back = new Map(left.map((name) => [name, stage.instance(name).address]));
          await stage.register(back, ['x', 'y', 'z']);
          await Promise.all(others.map((other) => other.drain()));
        },
      };
    },
    broken: (observed) => noneFails(observed),
  },
];
