import test from 'ava';
import { seeded } from '../support/seeded.ts';
import type { Fault } from './fault.ts';
import { FAULTS } from './faults/all.ts';
import { play } from './play.ts';
import { Stage } from './stage.ts';

/** The short run: what needs no registry but a file, and is over soon. `npm run chaos` plays all of them. */
const SHORT = ['kill', 'rolling restart', 'failing'];

test.serial(
  'promises are kept while instances are killed, restarted and fail (npm run chaos has the rest)',
  async (t) => {
    t.timeout(5 * 60_000);
    const seed = Math.trunc(Math.random() * 1e6);
    const random = seeded(seed);
    const stage = await Stage.build(false);
    try {
      const rss = stage.sidecar.rss();
      for (const name of SHORT) {
        const fault = FAULTS.find((known) => known.name === name) as Fault;
        const { broken, observed } = await play(stage, fault, random, rss);
        t.deepEqual(broken, [], `${name}, seed ${seed}`);
        t.true(observed.samples.length > 100);
      }
    } finally {
      await stage.end();
    }
  },
);
