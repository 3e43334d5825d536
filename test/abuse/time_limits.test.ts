import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import test from 'ava';
import { DOWNSTREAM_LIMITS } from '../../src/http2/limits.ts';
import { ATTACKS, type Attack } from '../support/attacks.ts';
import { eventually } from '../support/eventually.ts';
import { Scene, TIMED } from './attack_suite.ts';

/** Fewer than the attack opens, and more than the ordinary app needs. */
const CONNECTIONS = 30;
let scene: Scene;
test.before(async () => {
  scene = await Scene.start({
    clients: { connections: CONNECTIONS, header_timeout: '1s', idle_timeout: '3s', stall_timeout: '2s' },
  });
});
test.after.always(async () => {
  await scene?.stop();
});

for (const name of TIMED) {
  const { what, expected } = ATTACKS[name] as Attack;
  test.serial(`${what}: ${expected.goaway ?? expected.reset ?? 'cut off'} when its time is over`, (t) =>
    scene.attack(t, name, DOWNSTREAM_LIMITS),
  );
}

test.serial('connections beyond the limit are closed as they come, and counted; those there are go on', async (t) => {
  const sockets: Socket[] = [];
  let closed = 0;
  const [host, port] = scene.sidecar.address.split(':');
  for (let i = 0; i < 3 * CONNECTIONS; i++) {
    const socket = connect({ host: host as string, port: Number(port) });
    socket.on('error', () => {});
    socket.once('close', () => closed++);
    sockets.push(socket);
    await Promise.race([once(socket, 'connect'), once(socket, 'close')]);
  }
  await eventually(() => closed >= 2 * CONNECTIONS);
  await eventually(async () => ((await scene.tokens()).get('connections_beyond_limit') ?? 0) >= 2 * CONNECTIONS);
  for (const socket of sockets) socket.destroy();
  t.pass();
});

test.serial('all the while an ordinary app’s calls succeeded', async (t) => {
  const { calls, failed, failures, slowestMs } = await scene.ordinary();
  t.deepEqual([failed, failures], [0, []]);
  t.log(`${calls} calls, the slowest took ${slowestMs} ms`);
});
