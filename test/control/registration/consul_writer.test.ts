import test from 'ava';
import { systemClock } from '../../../src/base/clock.ts';
import type { ConsulOptions } from '../../../src/config/registry_options.ts';
import { openConsulWriter } from '../../../src/control/registration/consul_writer.ts';
import type { Registration } from '../../../src/control/registration/registration.ts';
import type { RegistrationWriter } from '../../../src/control/registration/writer.ts';
import { readEntries } from '../../../src/control/registries/consul/entries.ts';
import { type ConsulAgent, startConsul } from '../../support/consul.ts';
import { eventually } from '../../support/eventually.ts';
import { present, serialTestWith } from '../../support/requires.ts';
import { startScriptedConsul } from '../../support/scripted_consul.ts';

const testWithConsul = serialTestWith('consul');
const MASTER = 'e95b599e-166e-7d80-08ad-aee76e7ddf19';

let consul: ConsulAgent;
test.before(async () => {
  if (!present('consul')) return;
  consul = await startConsul({ masterToken: MASTER });
  await consul.ready();
});
test.after.always(() => consul?.stop());

let named = 0;
const closers: (() => unknown)[] = [];
test.afterEach.always(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

function open(
  registration: Partial<Registration> = {},
  options: Partial<ConsulOptions> = {},
): { writer: RegistrationWriter; service: string } {
  const service = `app${++named}`;
  const writer = openConsulWriter(
    {
      registry: 'agent',
      consul: {
        type: 'consul',
        address: consul?.address ?? '',
        token: MASTER,
        health: 'passing',
        consistency: 'default',
        ...options,
      },
      registration: {
        service,
        id: `${service}-1`,
        address: '10.0.0.5:8089',
        version: 'v2',
        weight: 3,
        zone: 'b',
        metadata: { team: 'print' },
        path: service,
        format: 'auto',
        ttlMs: 15_000,
        ...registration,
      },
    },
    { timeout: 5_000, lost: () => {} },
    systemClock,
  );
  closers.push(() => writer.close());
  return { writer, service };
}

/** Consul's own answer, read as any service that asks would read it. */
async function found(service: string) {
  return readEntries(JSON.stringify(await consul.call('GET', `health/service/${service}?passing`)), {
    health: 'passing',
    limit: null,
    protocol: 'h2',
  }).instances;
}

testWithConsul(
  'a record that was put is found by readers, with all it says, and with its version as a tag',
  async (t) => {
    const { writer, service } = open();
    await writer.put();
    const instances = await eventually(async () => {
      const list = await found(service);
      return list.length === 1 && list;
    });
    t.deepEqual(instances, [
      {
        id: `${service}-1`,
        address: '10.0.0.5:8089',
        version: 'v2',
        weight: 3,
        zone: 'b',
        metadata: { team: 'print', version: 'v2', zone: 'b' },
      },
    ]);
    const [entry] = (await consul.call('GET', `health/service/${service}`)) as { Service: { Tags: string[] } }[];
    t.deepEqual(entry?.Service.Tags, ['version=v2']);
    t.is(await writer.refresh(), 'held');
    t.is(writer.place, `${service}/${service}-1 at ${consul.address}`);
  },
);

testWithConsul(
  'an app that is not well is not found, and is again when it is; keeping the record changes neither',
  async (t) => {
    const { writer, service } = open();
    await writer.put();
    await eventually(async () => (await found(service)).length === 1);
    t.is(await writer.setPassing(false, 'the app says NOT_SERVING'), 'held');
    await eventually(async () => (await found(service)).length === 0);
    t.is(await writer.refresh(), 'held');
    const [entry] = (await consul.call('GET', `health/service/${service}`)) as {
      Checks: { CheckID: string; Output: string }[];
    }[];
    t.is(entry?.Checks.find(({ CheckID }) => CheckID.startsWith('outrigger:'))?.Output, 'the app says NOT_SERVING');
    t.deepEqual(await found(service), []);
    t.is(await writer.setPassing(true, 'well'), 'held');
    await eventually(async () => (await found(service)).length === 1);
  },
);

testWithConsul(
  'a record that nobody keeps is not found after its TTL, and keeping it again brings it back',
  async (t) => {
    const { writer, service } = open({ ttlMs: 3_000 });
    await writer.put();
    await eventually(async () => (await found(service)).length === 1);
    await eventually(async () => (await found(service)).length === 0);
    t.is(await writer.refresh(), 'held');
    await eventually(async () => (await found(service)).length === 1);
  },
);

testWithConsul(
  'a record that somebody took away, or its check alone, is gone, and putting it again brings it back',
  async (t) => {
    const { writer, service } = open();
    t.is(await writer.refresh(), 'gone', 'it was never there');
    await writer.put();
    t.is(await writer.refresh(), 'held');
    await consul.call('PUT', `agent/check/deregister/outrigger:${service}-1`);
    t.is(await writer.refresh(), 'gone');
    await writer.put();
    t.is(await writer.refresh(), 'held');
    await consul.deregister(`${service}-1`);
    t.is(await writer.refresh(), 'gone');
    t.is(await writer.setPassing(true, ''), 'gone');
    await writer.put();
    await eventually(async () => (await found(service)).length === 1);
  },
);

testWithConsul('a record that is taken out is found no more, and taking it out twice is no error', async (t) => {
  const { writer, service } = open();
  await writer.put();
  await eventually(async () => (await found(service)).length === 1);
  await writer.remove();
  await writer.remove();
  await eventually(async () => (await found(service)).length === 0);
  t.is(await writer.refresh(), 'gone');
});

testWithConsul(
  'a token that may not write is an error that names the right it needs; one nobody knows is said so',
  async (t) => {
    const denied = await t.throwsAsync(open({}, { token: undefined }).writer.put());
    t.like(denied, { code: 'consul_permission' });
    t.regex((denied as { hint?: string }).hint ?? '', /service:write/);
    const unknown = await t.throwsAsync(open({}, { token: 'b1f0a8ab-0000-7d80-08ad-aee76e7ddf19' }).writer.put());
    t.like(unknown, { code: 'consul_token' });
  },
);

test.serial('an agent that is away, or silent, is an error within the timeout; closing ends what runs', async (t) => {
  const silent = await startScriptedConsul(() => 'silence');
  closers.push(() => silent.close());
  const { writer } = open({}, { address: silent.address });
  const waiting = writer.refresh();
  await eventually(() => silent.asked.length === 1);
  await writer.close();
  await t.throwsAsync(waiting, { message: /keeping app\d+-1 of app\d+: the registry was closed/ });
  await silent.close();
  t.like(await t.throwsAsync(open({}, { address: silent.address }).writer.put()), { code: 'consul_unavailable' });
});

testWithConsul(
  'as kratos an app has an endpoint of gRPC, as its own registry writes it, and no other format has',
  async (t) => {
    const tagged = async (format: string) => {
      const { writer, service } = open({ format });
      await writer.put();
      t.deepEqual((await eventually(async () => (await found(service))[0]))?.address, '10.0.0.5:8089');
      const [entry] = (await consul.call('GET', `health/service/${service}`)) as {
        Service: { TaggedAddresses: Record<string, unknown> };
      }[];
      return entry?.Service.TaggedAddresses.grpc;
    };
    t.deepEqual(await tagged('kratos'), { Address: 'grpc://10.0.0.5:8089?isSecure=false', Port: 8089 });
    t.is(await tagged('outrigger'), undefined);
  },
);

test.serial('what has no place in Consul is refused at once', (t) => {
  const { code } = t.throws(() => open({ address: 'unix:/run/app.sock' })) as Error & { code: string };
  t.is(code, 'consul_address');
  t.like(
    t.throws(() => open({ path: '/services/app/' })),
    { code: 'consul_path' },
  );
});
