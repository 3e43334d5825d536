import { readFileSync } from 'node:fs';
import test from 'ava';
import { Authority } from '../support/certificates.ts';
import { answeredBy, connectEcho } from '../support/echo_client.ts';
import { eventually } from '../support/eventually.ts';
import { startGrpcServer } from '../support/grpc_server.ts';
import { startSidecar } from '../support/sidecar.ts';

const LONG = 60_000;

interface Listed {
  readonly name: string;
  readonly instances: readonly { readonly address: string; readonly state: string; readonly reason: string | null }[];
}

test('an instance whose health service says NOT_SERVING gets no requests, and gets them again when it recovers', async (t) => {
  const [a, b] = await Promise.all([startGrpcServer({ name: 'a' }), startGrpcServer({ name: 'b' })]);
  const sidecar = await startSidecar({
    registries: { here: { type: 'static' } },
    services: {
      echo: {
        instances: [{ address: a.address }, { address: b.address }],
        health: { grpc: '', interval: '200ms', rise: 1, fall: 2 },
      },
    },
  });
  const client = connectEcho(sidecar.address, 'echo');
  try {
    await sidecar.untilReady('echo', 2);
    const listed = async () => {
      const services = (await (await fetch(`${sidecar.admin}/services`)).json()) as Listed[];
      return services[0]?.instances.find(({ address }) => address === b.address);
    };
    const answers = async () => answeredBy(await Promise.all(Array.from({ length: 10 }, () => client.unary('x'))));
    t.deepEqual(await answers(), ['a', 'b']);
    b.health(false);
    await eventually(async () => (await listed())?.state === 'unhealthy', LONG);
    t.is((await listed())?.reason, 'its health service says NOT_SERVING');
    t.deepEqual(await answers(), ['a']);
    b.health(true);
    await eventually(async () => (await listed())?.state === 'ready', LONG);
    t.is((await listed())?.reason, null);
    t.deepEqual(await answers(), ['a', 'b']);
  } finally {
    client.close();
    await sidecar.kill();
    a.stop();
    b.stop();
  }
});

test('over mutual TLS, what an instance says of itself counts at once', async (t) => {
  const authority = new Authority();
  const [own, theirs] = [authority.issue(), authority.issue()];
  const ca = readFileSync(authority.ca);
  const tls = { ca, cert: readFileSync(theirs.cert), key: readFileSync(theirs.key) };
  const [a, b] = await Promise.all([startGrpcServer({ name: 'a', tls }), startGrpcServer({ name: 'b', tls })]);
  const sidecar = await startSidecar({
    registries: { here: { type: 'static' } },
    services: {
      echo: {
        tls: { ca: authority.ca, ...own },
        instances: [{ address: a.address }, { address: b.address }],
        // By looks alone it would take more than eight minutes.
        health: { grpc: '', interval: '5s', rise: 100, fall: 100 },
        outlier: { consecutive_failures: 1000 },
      },
    },
  });
  const client = connectEcho(sidecar.address, 'echo');
  try {
    await sidecar.untilReady('echo', 2);
    const answers = async () => answeredBy(await Promise.all(Array.from({ length: 10 }, () => client.unary('x'))));
    b.health(false);
    await eventually(async () => (await answers()).join() === 'a', LONG);
    b.health(true);
    await eventually(async () => (await answers()).join() === 'a,b', LONG);
    t.pass();
  } finally {
    client.close();
    await sidecar.kill();
    a.stop();
    b.stop();
  }
});
