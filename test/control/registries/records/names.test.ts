import test from 'ava';
import { RecordSet } from '../../../../src/control/registries/etcd/record_set.ts';
import { findFormat } from '../../../../src/control/registries/records/formats.ts';
import type { RecordFormat } from '../../../../src/control/registries/records/record.ts';

/** The addresses found under a path among these records. */
function found(path: string, records: Readonly<Record<string, string>>): string[] {
  const set = new RecordSet(path, findFormat('auto') as RecordFormat);
  set.replace(Object.entries(records).map(([key, value]) => ({ key, value, revision: 1n })));
  const { instances, bad } = set.answer();
  if (bad.length > 0) throw new Error(`${bad[0]?.key} ${bad[0]?.problem}`);
  return instances.map(({ address }) => address).sort();
}

const kratos = (name: string, address: string) => `{"id":"1","name":"${name}","endpoints":["grpc://${address}"]}`;
const micro = (name: string, address: string) => `{"name":"${name}","nodes":[{"id":"1","address":"${address}"}]}`;
const app = (name: string, host: string) => `{"ServiceName":"${name}","Host":"${host}","Port":1}`;

const WORLDS = {
  kratos: {
    '/microservices/foo/1': kratos('foo', 'a:1'),
    '/microservices/foobar/1': kratos('foobar', 'b:1'),
    '/microservices/foo-x/1': kratos('foo-x', 'c:1'),
    '/microservices/foo/bar/1': kratos('foo/bar', 'd:1'),
  },
  'go-micro': {
    '/micro/registry/foo/1': micro('foo', 'a:1'),
    '/micro/registry/foobar/1': micro('foobar', 'b:1'),
    '/micro/registry/foo-x/1': micro('foo/x', 'c:1'),
    '/micro/registry/go.micro/foo/1': micro('foo', 'd:1'),
  },
  dubbo: {
    '/services/foo/a:1': app('foo', 'a'),
    '/services/foobar/b:1': app('foobar', 'b'),
    '/services/foo-x/c:1': app('foo-x', 'c'),
  },
} as const;

for (const [format, path, addresses] of [
  ['kratos', '/microservices/foo', ['a:1']],
  ['kratos', '/microservices/foo/', ['a:1']],
  ['kratos', '/microservices/foo-x', ['c:1']],
  ['kratos', '/microservices/foo-', []],
  ['kratos', '/microservices/foo/bar/', ['d:1']],
  ['kratos', '/microservices/', ['a:1', 'b:1', 'c:1', 'd:1']],
  ['kratos', '/microservices', ['a:1', 'b:1', 'c:1', 'd:1']],
  ['go-micro', '/micro/registry/foo', ['a:1']],
  ['go-micro', '/micro/registry/foo-x/', ['c:1']],
  ['go-micro', '/micro/registry/go.micro/foo/', ['d:1']],
  ['dubbo', '/services/foo', ['a:1']],
  ['dubbo', '/services/foo-', []],
  ['dubbo', '/services/', ['a:1', 'b:1', 'c:1']],
] as const) {
  test(`${format} at ${path} finds the service that is meant, and no other`, (t) => {
    t.deepEqual(found(path, WORLDS[format]), [...addresses]);
  });
}

test('a directory that dubbo puts down for an interface is neither an instance nor a bad record', (t) => {
  const url = 'tri%3A%2F%2F10.0.0.5%3A20000%2Fdemo.User';
  const keys = ['/dubbo', '/dubbo/demo.User', '/dubbo/demo.User/providers', `/dubbo/demo.User/providers/${url}`];
  const records = Object.fromEntries(keys.map((key) => [key, '']));
  for (const path of ['/dubbo/demo.User', '/dubbo/demo.User/providers', '/dubbo/demo.User/providers/']) {
    t.deepEqual(found(path, records), ['10.0.0.5:20000'], path);
  }
});
