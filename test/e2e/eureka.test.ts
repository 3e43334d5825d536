import test from 'ava';
import { connectEcho } from '../support/echo_client.ts';
import { type FakeInstance, startEurekaServer } from '../support/eureka_server.ts';
import { eventually } from '../support/eventually.ts';
import { type GrpcServer, startGrpcServer } from '../support/grpc_server.ts';
import { startSidecar } from '../support/sidecar.ts';
import { callSteadily } from '../support/steady_calls.ts';
import { startTcpProxy } from '../support/tcp_proxy.ts';

const stoppers: (() => unknown)[] = [];
test.afterEach.always(async () => {
  for (const stop of stoppers.splice(0).reverse()) await stop();
});

async function startServer(name: string, version: string): Promise<GrpcServer> {
  const server = await startGrpcServer({ name, version });
  stoppers.push(() => server.stop());
  return server;
}

/** As Spring registers a gRPC server: `port` is that of HTTP/1. */
function instanceOf({ name, port, version }: GrpcServer): FakeInstance {
  return { id: `host:echo:${name}`, port: 1, metadata: { version, gRPC_port: String(port) } };
}

test.serial(
  'calls go to the instances of Eureka that are UP, by version, while its servers come and go; none fails',
  async (t) => {
    const [first, second] = [
      await startEurekaServer({ basic: 'user:pass' }),
      await startEurekaServer({ basic: 'user:pass' }),
    ];
    stoppers.push(() => Promise.all([first.stop(), second.stop()]));
    const way = await startTcpProxy(first.port);
    stoppers.push(() => way.close());
    const [a, b, c] = [await startServer('a', 'v1'), await startServer('b', 'v1'), await startServer('c', 'v2')];
    for (const eureka of [first, second]) for (const server of [a, b]) eureka.register('echo', instanceOf(server));
    const sidecar = await startSidecar({
      registries: {
        main: {
          type: 'eureka',
          urls: [
            `http://user:pass@127.0.0.1:${way.port}/eureka/v2`,
            `http://user:pass@127.0.0.1:${second.port}/eureka/v2/`,
          ],
          interval: '100ms',
        },
      },
      discover: {},
    });
    stoppers.push(() => sidecar.kill());
    const client = connectEcho(sidecar.address);
    stoppers.push(() => client.close());
    t.is((await client.unary('x', { deadlineMs: 20_000 })).code, 0);
    await sidecar.untilReady('echo', 2);
    const calls = callSteadily(client);
    stoppers.push(() => calls.stop());

    for (const eureka of [first, second]) eureka.register('echo', instanceOf(c));
    await eventually(() => calls.answeredBy('c'));
    const wanted = await client.unary('x', { metadata: [['x-version', 'v2']] });
    t.is(wanted.replies[0]?.name, 'c');

    for (const eureka of [first, second]) eureka.setStatus('echo', instanceOf(a).id, 'OUT_OF_SERVICE');
    await sidecar.untilReady('echo', 2);

    // One server goes: the other is asked. Then that one goes, too, and the last set stays.
    way.cut();
    second.deregister('echo', instanceOf(b).id);
    await sidecar.untilReady('echo', 1);
    await second.stop();
    await eventually(async () => (await sidecar.service('echo'))?.stale === true);
    t.is((await sidecar.service('echo'))?.instances.length, 1);
    way.mend();
    await sidecar.untilReady('echo', 2);
    t.false((await sidecar.service('echo'))?.stale);

    await calls.stop();
    t.deepEqual(calls.failures(), [], sidecar.output());
    t.true(calls.count() > 20);
    t.false(sidecar.output().includes('user:pass'), 'the password is never printed');
  },
);
