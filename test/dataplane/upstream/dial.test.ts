import dns from 'node:dns';
import { connect } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { eventually } from '../../support/eventually.ts';
import { startPlane } from '../../support/plane.ts';
import { startApp } from '../../support/plane_app.ts';
import { startInstance } from '../../support/plane_instance.ts';
import { startProcess } from '../../support/process.ts';

const NAME = 'several-addresses.test';

/** Names are looked up as the system does it; this one has these addresses, in this order. */
function resolveTo(t: ExecutionContext, addresses: readonly string[]): void {
  const system = dns.lookup;
  const entries = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  const scripted = (...args: unknown[]): void => {
    const callback = args.at(-1) as (error: null, found: unknown) => void;
    if (args[0] === NAME) setImmediate(() => callback(null, entries));
    else (system as (...all: unknown[]) => void)(...args);
  };
  Object.assign(dns, { lookup: scripted });
  t.teardown(() => Object.assign(dns, { lookup: system }));
}

/** An address where connections are neither accepted nor refused: a stopped process whose queue is full. */
async function startHung(t: ExecutionContext): Promise<number> {
  const script = `require('node:net').createServer(() => {}).listen({ host: '127.0.0.2', port: 0, backlog: 1 }, function () {
    console.log('port ' + this.address().port);
  })`;
  const hung = startProcess(process.execPath, ['-e', script]);
  t.teardown(() => hung.kill());
  const port = Number((await hung.waitFor(/port (\d+)/))[1]);
  hung.signal('SIGSTOP');
  const sockets = Array.from({ length: 8 }, () => connect(port, '127.0.0.2').on('error', () => {}));
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
  });
  await eventually(() => sockets.some(({ connecting }) => !connecting));
  return port;
}

test.serial(
  'a name with an address where nobody listens and one where somebody does: the second is used',
  async (t) => {
    const plane = await startPlane(t);
    const instance = await startInstance(t);
    resolveTo(t, ['127.0.0.3', '127.0.0.1']);
    await plane.serve('shop', [{ address: `${NAME}:${instance.address.split(':')[1]}` }]);
    const app = await startApp(t, plane);
    for (let i = 0; i < 3; i++) t.is(await app.call('shop', { body: Buffer.from('x') }).ended(), '0');
    t.is(instance.connections.length, 1);
  },
);

test.serial('an address that does not answer at all is not waited for: the next one is tried soon', async (t) => {
  const port = await startHung(t);
  const plane = await startPlane(t);
  // On the same port as the one that hangs, at another address of the loopback.
  const instance = await startInstance(t, { port });
  resolveTo(t, ['127.0.0.2', '127.0.0.1']);
  const counters = await plane.serve('shop', [{ address: `${NAME}:${port}` }]);
  const app = await startApp(t, plane);
  t.is(await app.call('shop').ended(), '0');
  t.is(instance.connections.length, 1);
  t.deepEqual(counters.connects(`${NAME}:${port}`), { ok: 1 });
});

test.serial('when no address of a name can be connected to, the error says so', async (t) => {
  const plane = await startPlane(t);
  resolveTo(t, ['127.0.0.3', '127.0.0.4']);
  plane.tell('shop', [{ address: `${NAME}:1` }]);
  await eventually(() => plane.states('shop').join() === 'backoff');
  const app = await startApp(t, plane);
  const call = app.call('shop');
  t.is(await call.ended(), '14 connect_failed');
  t.regex(call.message, new RegExp(`${NAME}:1: backoff, ECONNREFUSED`));
});
