import type { Fault } from '../fault.ts';
import { detectedWithin, noneFails, onlyThoseUnderWayFail, othersServeAfter } from '../promises.ts';

/** What networks do to connections. */
export const NETWORK_FAULTS: readonly Fault[] = [
  {
    name: 'reset',
    about: 'a middle box resets all connections to one instance',
    lasts: 2_000,
    async inject(stage) {
      stage.box.reset();
      return { hit: ['e'], heal: async () => {} };
    },
    broken: onlyThoseUnderWayFail,
  },
  {
    name: 'black hole',
    about:
      'nothing that one instance sends arrives any more: packets dropped in a network namespace, or a silent proxy',
    lasts: 8_000,
    async inject(stage) {
      const { namespace, box } = stage;
      if (namespace !== null) namespace.blackHole = true;
      else box.silent = true;
      return {
        hit: [namespace === null ? 'e' : 'd'],
        async heal() {
          if (namespace !== null) namespace.blackHole = false;
          else box.silent = false;
        },
      };
    },
    broken: (observed) => [...othersServeAfter(observed, 5_000, 4), ...detectedWithin(observed, 5_000)],
  },
  {
    name: 'slow',
    about: 'one instance answers 300 ms later',
    lasts: 4_000,
    async inject(stage) {
      stage.box.delay = 150;
      return {
        hit: [],
        async heal() {
          stage.box.delay = 0;
        },
      };
    },
    broken: (observed) => noneFails(observed),
  },
];
