import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import test from 'ava';
import { type EtcdServer, startEtcd } from '../support/etcd.ts';
import { serialTestWith } from '../support/requires.ts';
import { runOutrigger, temporaryDirectory } from '../support/sidecar.ts';

const withEtcd = serialTestWith('etcd');
const stoppers: (() => unknown)[] = [];
test.afterEach.always(async () => {
  for (const stop of stoppers.splice(0).reverse()) await stop();
});

/** Writes a config, and gives the arguments that list its registries. */
function listing(config: object, ...more: string[]): string[] {
  const file = join(temporaryDirectory(), 'outrigger.yaml');
  writeFileSync(file, JSON.stringify(config));
  return ['services', '--registry', '--config', file, ...more];
}

async function filledEtcd(): Promise<EtcdServer> {
  const etcd = await startEtcd();
  stoppers.push(() => etcd.stop());
  await etcd.putAll({
    '/services/book/1': '{"node":{"address":"10.0.0.5:1","version":"v1"},"weight":2,"zone":"a","metadata":{}}',
    '/services/book/2': '10.0.0.6:1',
    '/services/book/3': '{"Op":1,"Addr":"10.0.0.7:1"}',
    '/services/book/4': 'garbage\u001b[2J',
    // The same process serves two services: both records are shown.
    '/services/user/1': '10.0.0.5:1',
    '/microservices/pay/x': '{"id":"x","name":"pay","version":"v3","endpoints":["grpc://10.0.0.8:9000"]}',
    'kitex/registry-etcd/Hello/10.0.0.9:8888': '{"network":"tcp","address":"10.0.0.9:8888","weight":0,"tags":{}}',
  });
  return etcd;
}

withEtcd('services --registry shows every record of an etcd, its format, and what cannot be read', async (t) => {
  const etcd = await filledEtcd();
  const registries = { main: { type: 'etcd', endpoints: [etcd.endpoint] } };
  const discovering = listing({ registries, discover: { path: '/services/{service}/' } });
  const all = await runOutrigger(discovering);
  t.is(all.stderr, '');
  t.is(all.code, 0);
  t.is(
    all.stdout,
    `SERVICE  KEY               ADDRESS     VERSION  WEIGHT  ZONE  FORMAT
book     /services/book/1  10.0.0.5:1  v1            2  a     outrigger
book     /services/book/2  10.0.0.6:1  -             1  -     plain
user     /services/user/1  10.0.0.5:1  -             1  -     plain

1 record says that nobody is there:
  /services/book/3 (grpc)

1 record cannot be read:
  /services/book/4 fits no format (outrigger, hwholiday, grpc, plain, kratos, go-micro, kitex, dubbo, nerve): found "garbage\\u001b[2J"
`,
  );

  const configured = listing({ registries, services: { Hello: { path: 'kitex/registry-etcd/Hello/' } } }, '--json');
  t.like(JSON.parse((await runOutrigger(configured)).stdout), {
    registry: 'main',
    type: 'etcd',
    instances: [{ service: 'Hello', key: 'kitex/registry-etcd/Hello/10.0.0.9:8888', weight: 10, format: 'kitex' }],
    off: [],
    bad: [],
  });

  // What is in the config and found by discover, too, is listed once.
  const both = listing({ registries, services: { book: {} }, discover: { path: '/services/{service}/' } }, '--json');
  const once = JSON.parse((await runOutrigger(both)).stdout) as Record<'instances' | 'off' | 'bad', { key: string }[]>;
  t.deepEqual(
    once.instances.map(({ key }) => key),
    ['/services/book/1', '/services/book/2', '/services/user/1'],
  );
  t.deepEqual([once.off.length, once.bad.length], [1, 1]);

  const at = ['services', '--registry', '--etcd', etcd.endpoint, '--path'];
  // go-zero's keys begin with the service's name, so that all keys are to be looked through.
  const anywhere = await runOutrigger([...at, '{service}/', '--format', 'kitex']);
  t.regex(anywhere.stdout, /^SERVICE .*\nkitex +kitex\/registry-etcd\/Hello\/10\.0\.0\.9:8888 /);
  const kratos = await runOutrigger([...at, '/microservices/pay/']);
  t.regex(kratos.stdout, /^KEY .*\n\/microservices\/pay\/x {2}10\.0\.0\.8:9000 {2}v3 .* kratos\n$/);
  const forced = await runOutrigger([...at, '/services/user/', '--format', 'grpc']);
  t.regex(forced.stdout, /1 record cannot be read:\n {2}\/services\/user\/1 is no grpc record/);
  const empty = await runOutrigger([...at, '/nothing/']);
  t.is(empty.stdout, 'registry "etcd" (etcd) at /nothing/ holds no records.\n');
  t.is(empty.code, 0);
});

withEtcd('services --registry fails in time, and says why, when etcd does not answer', async (t) => {
  const etcd = await startEtcd();
  stoppers.push(() => etcd.stop());
  etcd.pause();
  const frozen = await runOutrigger(['services', '--registry', '--etcd', etcd.endpoint]);
  t.is(frozen.code, 1);
  t.is(frozen.stdout, '');
  t.regex(frozen.stderr, /registry "etcd".*\n {2}hint: /);
  await etcd.kill();
  const gone = await runOutrigger(['services', '--registry', '--etcd', etcd.endpoint]);
  t.is(gone.code, 1);
  // Who asks once has no last known instances.
  t.regex(
    gone.stderr,
    /^registry "etcd" \(etcd at http:.*ECONNREFUSED.*\n {2}hint: Check that etcd runs and that `endpoints` names it\.\n$/,
  );
});

test.serial('services --registry gives up on what takes a connection and says nothing', async (t) => {
  const silent = createServer(() => {});
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  stoppers.push(() => silent.close());
  const { port } = silent.address() as { port: number };
  const { code, stderr } = await runOutrigger(['services', '--registry', '--etcd', `http://127.0.0.1:${port}`]);
  t.is(code, 1);
  t.regex(stderr, /registry "etcd"/);
});

const RECORDS = `services:
  book:
    - { address: "127.0.0.1:50051", version: v1 }
    - { network: tcp, address: "127.0.0.1:50052", weight: 0, tags: { version: v2 } }
    - { what: is this }
  user: [127.0.0.1:50053]
`;

test.serial(
  'services --registry shows what a file holds: all services with discover, else those of the config',
  async (t) => {
    const directory = temporaryDirectory();
    const path = join(directory, 'r.yaml');
    writeFileSync(path, RECORDS);
    const registries = { here: { type: 'file', path } };
    const lines = (services: readonly string[]) => services.map((line) => line.replaceAll(directory, '').split(/ +/));
    const all = await runOutrigger(listing({ registries, discover: {} }, 'here'));
    t.is(all.code, 0);
    t.deepEqual(lines(all.stdout.split('\n').slice(1, 4)), [
      ['book', '/r.yaml:3', '127.0.0.1:50051', 'v1', '1', '-', 'file'],
      ['book', '/r.yaml:4', '127.0.0.1:50052', 'v2', '10', '-', 'kitex'],
      ['user', '/r.yaml:6', '127.0.0.1:50053', '-', '1', '-', 'file'],
    ]);
    t.regex(all.stdout, /1 record cannot be read:\n {2}\/.*r\.yaml:5 fits no format/);
    const one = await runOutrigger(listing({ registries, services: { user: {} } }));
    t.deepEqual(one.stdout.split('\n').length, 3);
    t.regex(one.stdout, /^user .*50053/m);

    writeFileSync(path, 'services: [');
    const broken = await runOutrigger(listing({ registries, services: { user: {} } }));
    t.is(broken.code, 1);
    t.regex(broken.stderr, /r\.yaml:1:\d+: .*\n {2}hint: Correct the file/);
  },
);

test.serial('services --registry shows the instances of a static registry, which has no records', async (t) => {
  const services = { book: { instances: [{ address: '127.0.0.1:50051', version: 'v1' }] } };
  const { stdout, code } = await runOutrigger(listing({ registries: { here: { type: 'static' } }, services }));
  t.is(code, 0);
  t.regex(stdout, /\nbook +127\.0\.0\.1:50051 +127\.0\.0\.1:50051 +v1 +1 +- +-\n$/);
});

test.serial('services --registry: wrong usage is 2', async (t) => {
  const registries = {
    a: { type: 'static' },
    b: { type: 'file', path: '/nowhere.yaml' },
    c: { type: 'etcd', endpoints: ['http://127.0.0.1:1'] },
  };
  const two = { registries, discover: { registry: 'b' } };
  for (const [argv, message] of [
    [listing(two), /several registries\n {2}hint: name one; there are: a, b, c/],
    [listing(two, 'd'), /no registry "d"\n {2}hint: there are: a, b, c/],
    [listing(two, 'c'), /nothing says what to look up in registry "c" \(etcd\)\n {2}hint: say it: --path/],
    [listing(two, 'b', '--path', '/x', '--format', 'morse'), /no format "morse"\n {2}hint: use one of: auto/],
    [listing({ registries: 7 }), /registries: expected/],
    [['services', '--registry', '--config', '/nowhere.yaml'], /there is no such file/],
  ] as const) {
    const { code, stdout, stderr } = await runOutrigger(argv);
    t.is(code, 2, stderr);
    t.is(stdout, '');
    t.regex(stderr, message);
  }
});
