import * as grpc from '@grpc/grpc-js';
import test from 'ava';
import { UPSTREAM_LIMITS } from '../../src/http2/limits.ts';
import { type Process, startProcess } from '../support/process.ts';
import { ROGUE_ATTACKS, type RogueAttack } from '../support/rogue_attacks.ts';
import { memoryBound, Scene } from './attack_suite.ts';

const ROGUE = new URL('../support/rogue_instance.ts', import.meta.url).pathname;
const DEADLINE_MS = 20_000;
const MIB = 1024 * 1024;
/** CPU for one call and what its instance does, with the ordinary calls beside it, in seconds. */
const CPU_BOUND = 5;

let scene: Scene;
let rogue: Process;
test.before(async () => {
  // It waits for its request for as long as the tests before take.
  rogue = startProcess(process.execPath, [ROGUE], { env: { OUTRIGGER_TEST_PATIENCE: '600000' } });
  const [line] = await rogue.waitFor(/^\{.*\}$/m);
  const ports = Object.entries(JSON.parse(line) as Record<string, number>);
  // A service for each: what one of them did is not held against the next.
  scene = await Scene.start(
    {},
    Object.fromEntries(ports.map(([name, port]) => [name, { instances: [{ address: `127.0.0.1:${port}` }] }])),
  );
});
test.after.always(async () => {
  await scene?.stop();
  await rogue?.kill();
});

/** Calls the service of that name; resolves with the status. */
async function call(name: string): Promise<grpc.StatusObject> {
  const client = new grpc.Client(scene.sidecar.address, grpc.credentials.createInsecure(), {
    'grpc.default_authority': name,
    'grpc.enable_retries': 0,
  });
  const same = (octets: Buffer): Buffer => octets;
  const deadline = Date.now() + DEADLINE_MS;
  const status = await new Promise<grpc.StatusObject>((resolve) => {
    client.makeUnaryRequest('/rogue/call', same, same, Buffer.from('x'), { deadline }, () => {}).on('status', resolve);
  });
  client.close();
  return status;
}

for (const [name, { what, token, status }] of Object.entries(ROGUE_ATTACKS) as [string, RogueAttack][]) {
  test.serial(
    `an instance that answers with ${what}: status ${status}${token === null ? '' : `, ${token}`}`,
    async (t) => {
      await scene.sidecar.untilReady(name, 1);
      const before = (await scene.tokens()).get(token ?? '') ?? 0;
      const { result, cpu, memory } = await scene.cost(() => call(name));
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
