import test from 'ava';
import { Etcd3 } from 'etcd3';
import { type EtcdServer, startEtcd } from '../support/etcd.ts';
import { eventually } from '../support/eventually.ts';
import { startProcess } from '../support/process.ts';
import { present, serialTestWith } from '../support/requires.ts';
import { type Sidecar, startSidecar } from '../support/sidecar.ts';

/*
 * etcd behind the sidecar, as any other gRPC service: its clients open streams that stay (watch, lease keep-alive), and know nothing of what is
 * in between.
 */

const testWithEtcd = serialTestWith('etcd');
const testWithEtcdctl = serialTestWith('etcdctl');
/** The shortest that etcd grants: it renews none sooner than its election takes. */
const TTL_SECONDS = 2;

let etcd: EtcdServer | null = null;
let sidecar: Sidecar | null = null;
let client: Etcd3 | null = null;

test.before(async () => {
  if (!present('etcd')) return;
  etcd = await startEtcd();
  sidecar = await startSidecar({
    registries: { here: { type: 'static' } },
    services: { etcd: { instances: [{ address: `127.0.0.1:${etcd.port}` }] } },
    default_service: 'etcd',
  });
  await sidecar.untilReady('etcd', 1);
  client = new Etcd3({ hosts: `http://${sidecar.address}` });
});

test.after.always(async () => {
  client?.close();
  await sidecar?.kill();
  await etcd?.stop();
});

testWithEtcd('etcd3: put, get, list and delete', async (t) => {
  const etcd3 = client as Etcd3;
  await etcd3.put('/a/1').value('one');
  await etcd3.put('/a/2').value('x'.repeat(500_000));
  t.is(await etcd3.get('/a/1').string(), 'one');
  t.is((await etcd3.get('/a/2').string())?.length, 500_000);
  t.deepEqual(Object.keys(await etcd3.getAll().prefix('/a/').strings()), ['/a/1', '/a/2']);
  t.is((await etcd3.delete().prefix('/a/')).deleted, '2');
  t.is(await etcd3.get('/a/1').string(), null);
});

testWithEtcd('etcd3: a transaction that fails its condition is told so, not lost', async (t) => {
  const etcd3 = client as Etcd3;
  await etcd3.put('/txn').value('1');
  const outcome = await etcd3.if('/txn', 'Value', '==', '2').then(etcd3.put('/txn').value('3')).commit();
  t.false(outcome.succeeded);
  t.is(await etcd3.get('/txn').string(), '1');
});

testWithEtcd('etcd3: a watch tells of every change in order, for as long as it stands', async (t) => {
  const etcd3 = client as Etcd3;
  const watcher = await etcd3.watch().prefix('/watched/').create();
  const seen: string[] = [];
  watcher.on('put', (kv) => seen.push(`${kv.key}=${kv.value}`));
  watcher.on('delete', (kv) => seen.push(`${kv.key} gone`));
  const expected: string[] = [];
  for (let i = 0; i < 50; i++) {
    await etcd3.put(`/watched/${i % 5}`).value(String(i));
    expected.push(`/watched/${i % 5}=${i}`);
  }
  await etcd3.delete().key('/watched/0');
  expected.push('/watched/0 gone');
  await eventually(() => seen.length >= expected.length);
  t.deepEqual(seen, expected);
  await watcher.cancel();
});

testWithEtcd(
  'etcd3: a lease is kept alive over several of its lives, and its key goes when it is revoked',
  async (t) => {
    const etcd3 = client as Etcd3;
    const lease = etcd3.lease(TTL_SECONDS);
    await lease.put('/leased').value('here');
    const since = Date.now();
    let renewed = 0;
    lease.on('keepaliveSucceeded', () => renewed++);
    lease.on('lost', (error) => t.fail(`the lease was lost: ${error.message}`));
    await eventually(() => renewed >= 3 && Date.now() - since > 2 * TTL_SECONDS * 1_000, 60_000);
    t.is(await etcd3.get('/leased').string(), 'here');
    await lease.revoke();
    t.is(await etcd3.get('/leased').string(), null);
  },
);

testWithEtcdctl('etcdctl (grpc-go): put, get and a watch', async (t) => {
  const address = (sidecar as Sidecar).address;
  const run = (...args: string[]) =>
    startProcess('etcdctl', ['--endpoints', address, ...args], { env: { ETCDCTL_API: '3' }, closeStdin: true });
  const watch = run('watch', '/ctl/', '--prefix');
  t.teardown(() => watch.kill());
  // It says nothing when it stands: puts go on until it has seen one.
  let puts = 0;
  await eventually(async () => {
    const put = run('put', `/ctl/${puts++}`, 'seen');
    if ((await put.exited) !== 0) throw new Error(put.output());
    return watch.stdout().includes('seen');
  }, 60_000);
  const get = run('get', '/ctl/0');
  t.is(await get.exited, 0, get.output());
  t.is(get.stdout(), '/ctl/0\nseen\n');
});
