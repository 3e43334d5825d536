import { setTimeout } from 'node:timers/promises';
import { type Fault, pick } from '../fault.ts';
import type { Observed } from '../observed.ts';
import { detectedWithin, noneFails, noRetryStorm, seenByFew } from '../promises.ts';
import { BASE_EJECTION, EJECTION_THRESHOLD } from '../stage.ts';

/** Instances that answer, and lie. */
export const ANSWER_FAULTS: readonly Fault[] = [
  {
    name: 'failing',
    about: 'one instance fails every call at once with UNAVAILABLE',
    lasts: 7_000,
    async inject(stage, random) {
      const instance = stage.instance(pick(stage.direct, random));
      const before = await instance.seen();
      instance.order({ kind: 'fail', share: 1, status: 14, seed: random() * 2 ** 31 });
      return {
        hit: [instance.name],
        async seen() {
          const now = Object.entries(await instance.seen());
          return Object.fromEntries(now.map(([service, calls]) => [service, calls - (before[service] ?? 0)]));
        },
        heal: async () => instance.order({ kind: 'fail', share: 0, status: 14, seed: 0 }),
      };
    },
    broken: (observed) => [
      ...noneFails(observed, 'retried'),
      ...seenByFew(observed, { threshold: EJECTION_THRESHOLD, ejection: BASE_EJECTION }),
      ...detectedWithin(observed, 3_000),
    ],
  },
  {
    name: 'flaky',
    about: 'one instance fails three calls of ten with UNAVAILABLE',
    lasts: 5_000,
    async inject(stage, random) {
      const instance = stage.instance(pick(stage.direct, random));
      instance.order({ kind: 'fail', share: 0.3, status: 14, seed: random() * 2 ** 31 });
      return { hit: [], heal: async () => instance.order({ kind: 'fail', share: 0, status: 14, seed: 0 }) };
    },
    broken: (observed) => [...noneFails(observed, 'retried'), ...noRetryStorm(observed)],
  },
  {
    name: 'everything fails',
    about: 'all instances fail every call with UNAVAILABLE',
    // What was saved up for retries has been earned by then.
    lasts: 10_000,
    async inject(stage, random) {
      const all = [...stage.instances.values()];
      for (const instance of all) instance.order({ kind: 'fail', share: 1, status: 14, seed: random() * 2 ** 31 });
      return {
        hit: [],
        async heal() {
          for (const instance of all) instance.order({ kind: 'fail', share: 0, status: 14, seed: 0 });
        },
      };
    },
    broken: noRetryStorm,
  },
  {
    name: 'GOAWAY storm',
    about: 'one instance after the other says GOAWAY, three times a second',
    lasts: 0,
    async inject(stage, random) {
      const all = [...stage.instances.values()];
      for (let i = 0; i < 15; i++) {
        pick(all, random).order({ kind: 'goaway' });
        await setTimeout(333);
      }
      return { hit: [], heal: async () => {} };
    },
    broken: (observed) => noneFails(observed),
  },
  {
    name: 'one stream',
    about: 'all instances are restarted with MAX_CONCURRENT_STREAMS 1',
    lasts: 4_000,
    async inject(stage) {
      const restart = async (streams: number | null): Promise<void> => {
        for (const instance of stage.instances.values()) {
          await instance.drain();
          await instance.start(streams);
        }
      };
      await restart(1);
      return { hit: [], heal: () => restart(null) };
    },
    broken: (observed: Observed) => noneFails(observed),
  },
];
