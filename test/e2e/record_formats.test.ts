import test from 'ava';
import { WRITERS } from '../../src/control/registries/records/formats.ts';
import type { Registrant } from '../../src/control/registries/records/record.ts';
import { connectEcho } from '../support/echo_client.ts';
import { startEtcd } from '../support/etcd.ts';
import { eventually } from '../support/eventually.ts';
import { startGrpcServer } from '../support/grpc_server.ts';
import { serialTestWith } from '../support/requires.ts';
import { startSidecar } from '../support/sidecar.ts';

const stoppers: (() => unknown)[] = [];
test.afterEach.always(async () => {
  for (const stop of stoppers.splice(0).reverse()) await stop();
});

/** Where each ecosystem keeps its records. */
const PATHS: Readonly<Record<string, string>> = {
  plain: '/go-kit/echo/',
  grpc: 'naming/echo/',
  hwholiday: '/a/b/echo/',
  outrigger: '/services/echo/',
  kratos: '/microservices/echo/',
  'go-micro': '/micro/registry/echo/',
  kitex: 'kitex/registry-etcd/echo/',
  dubbo: '/dubbo-applications/echo/',
  nerve: '/nerve/echo/services/',
};

serialTestWith('etcd')(
  'a request reaches an instance that any of the libraries registered, by its version',
  async (t) => {
    const server = await startGrpcServer({ name: 'a' });
    stoppers.push(() => server.stop());
    const etcd = await startEtcd();
    stoppers.push(() => etcd.stop());
    const services: Record<string, object> = {};
    for (const [format, write] of Object.entries(WRITERS)) {
      const path = PATHS[format];
      if (path === undefined) throw new Error(`no path for ${format}`);
      const { address } = server;
      const rest = { id: 'echo-1', version: 'v2', weight: 2, zone: 'a', metadata: {} };
      const registrant: Registrant = { service: 'echo', address, path, ...rest };
      const { key, value } = write(registrant);
      await etcd.put(key, value);
      services[format] = { path };
    }
    const url = `tri://${server.address}/org.apache.dubbo.Echo?dubbo.tag=v2`;
    const directory = '/dubbo/org.apache.dubbo.Echo/providers';
    await etcd.putAll({ [directory]: '', [`${directory}/${encodeURIComponent(url)}`]: '' });
    services['dubbo-interface'] = { path: directory };

    const registries = { main: { type: 'etcd', endpoints: [etcd.endpoint] } };
    const sidecar = await startSidecar({ registries, services });
    stoppers.push(() => sidecar.kill());
    const client = connectEcho(sidecar.address);
    stoppers.push(() => client.close());
    for (const service of Object.keys(services)) {
      await sidecar.untilReady(service, 1);
      const version: [string, string][] = service === 'plain' ? [] : [['x-version', 'v2']];
      const { code, details } = await client.unary('x', { metadata: [['x-outrigger-service', service], ...version] });
      t.is(code, 0, `${service}: ${details}`);
    }
  },
);

serialTestWith('etcd')(
  'of a kratos record a service gets the endpoint of its protocol, configured or discovered',
  async (t) => {
    const etcd = await startEtcd();
    stoppers.push(() => etcd.stop());
    const endpoints = ['http://127.0.0.1:1', 'grpc://127.0.0.1:2'];
    const record = (name: string) => JSON.stringify({ id: '1', name, version: 'v1', metadata: {}, endpoints });
    await etcd.putAll({ '/microservices/pay/1': record('pay'), '/microservices/book/1': record('book') });
    const registries = { main: { type: 'etcd', endpoints: [etcd.endpoint] } };
    const path = '/microservices/pay/';
    const services = { web: { path, protocol: 'http/1.1' }, rpc: { path } };
    const discover = { path: '/microservices/{service}/', protocol: 'http/1.1' };
    const sidecar = await startSidecar({ registries, services, discover });
    stoppers.push(() => sidecar.kill());
    const address = (service: string) =>
      eventually(async () => (await sidecar.service(service))?.instances[0]?.address ?? false);
    t.is(await address('web'), '127.0.0.1:1');
    t.is(await address('rpc'), '127.0.0.1:2');
    const client = connectEcho(sidecar.address);
    stoppers.push(() => client.close());
    await client.unary('x', { metadata: [['x-outrigger-service', 'book']] });
    t.is(await address('book'), '127.0.0.1:1');
  },
);
