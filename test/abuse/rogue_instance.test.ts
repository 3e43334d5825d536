import test from 'ava';
import { UPSTREAM_LIMITS } from '../../src/http2/limits.ts';
import type { Process } from '../support/process.ts';
import { ROGUE_ATTACKS, type RogueAttack } from '../support/rogue_attacks.ts';
import { memoryBound, Scene } from './attack_suite.ts';
import { callRogue, startRogue } from './rogues.ts';

const MIB = 1024 * 1024;
/** CPU for one call and what its instance does, with the ordinary calls beside it, in seconds. */
const CPU_BOUND = 5;

let scene: Scene;
let rogue: Process;
test.before(async () => {
  // A service for each: what one of them did is not held against the next.
  const started = await startRogue();
  rogue = started.rogue;
  scene = await Scene.start({}, started.services);
});
test.after.always(async () => {
  await scene?.stop();
  await rogue?.kill();
});

for (const [name, { what, token, status }] of Object.entries(ROGUE_ATTACKS) as [string, RogueAttack][]) {
  test.serial(
    `an instance that answers with ${what}: status ${status}${token === null ? '' : `, ${token}`}`,
    async (t) => {
      await scene.sidecar.untilReady(name, 1);
      const before = (await scene.tokens()).get(token ?? '') ?? 0;
      const { result, cpu, memory } = await scene.cost(() => callRogue(scene.sidecar.address, name));
      t.is(result.code, status, result.details);
      if (token !== null) t.true(((await scene.tokens()).get(token) ?? 0) > before, `${token} was not counted`);
      t.true(memory < memoryBound(UPSTREAM_LIMITS, 1), `${Math.round(memory / MIB)} MiB`);
      t.true(cpu < CPU_BOUND, `${cpu} s of CPU`);
    },
  );
}

test.serial('all the while calls to other instances succeeded', async (t) => {
  const { calls, failed, failures } = await scene.ordinary();
  t.deepEqual([failed, failures], [0, []]);
  t.log(`${calls} calls`);
});
