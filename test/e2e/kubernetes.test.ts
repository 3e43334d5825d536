import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { Authority, pemOf } from '../support/certificates.ts';
import { connectEcho, type Outcome } from '../support/echo_client.ts';
import { eventually } from '../support/eventually.ts';
import { type GrpcServer, startGrpcServer } from '../support/grpc_server.ts';
import { startKubernetesApi } from '../support/kubernetes_api.ts';
import type { SliceSpec } from '../support/kubernetes_slice.ts';
import { serialTestWith } from '../support/requires.ts';
import { startSidecar, temporaryDirectory } from '../support/sidecar.ts';

const testWithOpenssl = serialTestWith('openssl');

const stoppers: (() => unknown)[] = [];
test.afterEach.always(async () => {
  for (const stop of stoppers.splice(0).reverse()) await stop();
});

/** A slice with one pod, of a Service that carries the version as a label. */
function sliceOf({ name, version, address }: GrpcServer): SliceSpec {
  const [host = '', port] = address.split(':');
  return {
    name: `echo-${name}`,
    service: `echo-${version}`,
    labels: { version },
    ports: [{ name: 'grpc', port: Number(port) }],
    endpoints: [{ address: host, pod: name }],
  };
}

testWithOpenssl(
  'calls go to the pods of a cluster by version, and none fails while its API server is away',
  async (t) => {
    const authority = new Authority();
    const api = await startKubernetesApi(pemOf(authority.issue()));
    stoppers.push(() => api.stop());
    const tokenFile = join(temporaryDirectory(), 'token');
    writeFileSync(tokenFile, 'first');
    const servers: GrpcServer[] = [];
    for (const [name, version] of [
      ['a', 'v1'],
      ['b', 'v1'],
      ['c', 'v2'],
    ] as const) {
      const server = await startGrpcServer({ name, version });
      stoppers.push(() => server.stop());
      servers.push(server);
    }
    const [a, b, c] = servers as [GrpcServer, GrpcServer, GrpcServer];
    api.put(sliceOf(a), sliceOf(b));
    const sidecar = await startSidecar({
      registries: {
        cluster: {
          type: 'kubernetes',
          address: api.address,
          token_file: tokenFile,
          tls: { ca: authority.ca },
          namespace: 'shop',
        },
      },
      services: { echo: { path: 'echo-v1:grpc, echo-v2:grpc' } },
    });
    stoppers.push(() => sidecar.kill());
    await sidecar.untilReady('echo', 2);
    const client = connectEcho(sidecar.address);
    stoppers.push(() => client.close());

    const outcomes: Outcome[] = [];
    let going = true;
    const calling = (async () => {
      while (going) outcomes.push(await client.unary('x', { deadlineMs: 20_000 }));
    })();
    const answers = (name: string) =>
      eventually(() => outcomes.slice(-6).some(({ replies }) => replies[0]?.name === name));

    await answers('a');
    api.put(sliceOf(c));
    await answers('c');
    const v2 = await client.unary('x', { metadata: [['x-version', 'v2']] });
    t.is(v2.replies[0]?.name, 'c');

    api.away();
    await eventually(async () => (await sidecar.service('echo'))?.stale === true);
    api.delete('echo-b');
    api.compact();
    api.put({ name: 'other-1', service: 'other' });
    await answers('b');
    api.back();
    await eventually(async () => {
      const service = await sidecar.service('echo');
      return service?.stale === false && service.instances.filter(({ state }) => state === 'ready').length === 2;
    });
    await answers('a');
    going = false;
    await calling;
    t.deepEqual(
      outcomes.filter(({ code }) => code !== 0).map(({ code, details }) => `${code}: ${details}`),
      [],
    );
    t.is(await sidecar.stop(), 0);
  },
);
