import test from 'ava';
import { DOWNSTREAM_LIMITS } from '../../src/http2/limits.ts';
import { ATTACKS, type Attack } from '../support/attacks.ts';
import { eventually } from '../support/eventually.ts';
import { Scene, TIMED } from './attack_suite.ts';

let scene: Scene;
test.before(async () => {
  scene = await Scene.start();
});
test.after.always(async () => {
  await scene?.stop();
});

for (const name of Object.keys(ATTACKS).filter((each) => !TIMED.includes(each))) {
  const { what, expected } = ATTACKS[name] as Attack;
  const verdict = expected.goaway ?? expected.reset ?? expected.status ?? 'no harm';
  test.serial(`${what}: ${verdict}, at a bounded cost`, (t) => scene.attack(t, name, DOWNSTREAM_LIMITS));
}

test.serial('all the while an ordinary app’s calls succeeded', async (t) => {
  const { calls, failed, failures, slowestMs } = await scene.ordinary();
  t.deepEqual([failed, failures], [0, []]);
  t.true(calls > 100, `${calls} calls`);
  t.log(`${calls} calls, the slowest took ${slowestMs} ms`);
});

test.serial('and when it is over, nothing is left of the attackers', async (t) => {
  await eventually(async () => {
    const response = await fetch(`${scene.sidecar.telemetry}/metrics`);
    return /^outrigger_downstream_connections\{.*\} 0$/m.test(await response.text());
  });
  t.pass();
});
