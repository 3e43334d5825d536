import test from 'ava';
import { answeredBy, connectEcho } from '../support/echo_client.ts';
import { startEtcd } from '../support/etcd.ts';
import { eventually } from '../support/eventually.ts';
import { startGrpcServer } from '../support/grpc_server.ts';
import { serialTestWith } from '../support/requires.ts';
import { startSidecar } from '../support/sidecar.ts';
import { callSteadily } from '../support/steady_calls.ts';

const testWithEtcd = serialTestWith('etcd');

const stoppers: (() => unknown)[] = [];
test.afterEach.always(async () => {
  for (const stop of stoppers.splice(0).reverse()) await stop();
});

const PREFIX = '/services/echo/';
const RECORDS = 5_000;
/** Each address has many records, as when processes crashed and came back with leases that never end. */
const ADDRESSES = 100;
/** All of loopback is one machine: an address for each instance, and one server. */
const hostOf = (at: number): string => `127.0.1.${1 + (at % ADDRESSES)}`;

testWithEtcd('5,000 records of more than 4 MiB are followed, over the death of etcd, and no call fails', async (t) => {
  const etcd = await startEtcd();
  stoppers.push(() => etcd.stop());
  const server = await startGrpcServer({ name: 'everywhere', address: '0.0.0.0:0' });
  stoppers.push(() => server.stop());
  const note = 'x'.repeat(1_000);
  const recordOf = (at: number, version: string): string =>
    JSON.stringify({ node: { address: `${hostOf(at)}:${server.port}`, version }, metadata: { note } });
  for (let first = 0; first < RECORDS; first += 100) {
    const numbers = Array.from({ length: 100 }, (_, at) => first + at);
    await etcd.putAll(Object.fromEntries(numbers.map((at) => [PREFIX + at, recordOf(at, 'v1')])));
  }
  const sidecar = await startSidecar({
    registries: { main: { type: 'etcd', endpoints: [etcd.endpoint] } },
    services: { echo: { path: PREFIX } },
  });
  stoppers.push(() => sidecar.kill());
  await eventually(() => sidecar.untilReady('echo', ADDRESSES), 30_000);
  const client = connectEcho(sidecar.address);
  stoppers.push(() => client.close());
  const calls = callSteadily(client);
  stoppers.push(() => calls.stop());
  const versions = async (): Promise<Record<string, string | null>> => {
    const listed = (await sidecar.service('echo'))?.instances.filter(({ state }) => state !== 'draining') ?? [];
    return Object.fromEntries(listed.map(({ address, version }) => [address, version]));
  };

  // The record that was written last speaks for its address.
  await etcd.put(`${PREFIX}7`, recordOf(7, 'v2'));
  await eventually(async () => (await versions())[`${hostOf(7)}:${server.port}`] === 'v2');

  await etcd.kill();
  await eventually(async () => (await sidecar.service('echo'))?.stale === true, 30_000);
  await etcd.restart();
  // All records of one address, which takes it out.
  for (let at = 3; at < RECORDS; at += ADDRESSES) await etcd.delete(`${PREFIX}${at}`);
  await eventually(async () => {
    const found = await versions();
    const stale = (await sidecar.service('echo'))?.stale;
    return stale === false && Object.keys(found).length === ADDRESSES - 1 && !(`${hostOf(3)}:${server.port}` in found);
  }, 30_000);
  t.is((await versions())[`${hostOf(7)}:${server.port}`], 'v2');

  const before = calls.count();
  await eventually(() => calls.count() >= before + 20);
  await calls.stop();
  t.deepEqual(calls.failures(), [], sidecar.output());
  t.deepEqual(answeredBy([await client.unary('x')]), ['everywhere']);
});
