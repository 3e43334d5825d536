import { parentPort, workerData } from 'node:worker_threads';
import { generate, type Role } from './generate.ts';
import { runInput } from './run_input.ts';

/** What `run.ts` gives its worker. `progress[0]` is the seed that is being tried. */
export interface FuzzWork {
  readonly role: Role;
  readonly from: number;
  readonly until: number;
  readonly progress: Int32Array;
}

const { role, from, until, progress } = workerData as FuzzWork;
for (let seed = from; Date.now() < until; seed++) {
  progress[0] = seed;
  const fault = await runInput(generate(seed, role));
  if (fault !== null) {
    parentPort?.postMessage({ seed, fault });
    break;
  }
}
