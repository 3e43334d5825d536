import { mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { answeredBy, connectEcho, type EchoClient, type Outcome } from '../support/echo_client.ts';
import { eventually } from '../support/eventually.ts';
import { type GrpcServer, startGrpcServer } from '../support/grpc_server.ts';
import { ANY_PORTS, type Sidecar, startSidecar } from '../support/sidecar.ts';

type Keys = Readonly<Record<string, unknown>>;

const instancesOf = (...servers: readonly GrpcServer[]) =>
  servers.map(({ address, version }) => ({ address, version }));

const configOf = (services: Keys, more: Keys = {}): string =>
  JSON.stringify({ ...ANY_PORTS, registries: { here: { type: 'static' } }, services, ...more }, null, 2);

/** Replaces a file as editors do: by another one that takes its name. */
function replace(file: string, text: string): void {
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
}

async function reload(sidecar: Sidecar): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`${sidecar.admin}/reload`, { method: 'POST' });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

async function started(t: ExecutionContext<unknown>, services: Keys, servers: readonly GrpcServer[], more: Keys = {}) {
  const sidecar = await startSidecar(JSON.parse(configOf(services, more)));
  t.teardown(async () => {
    await sidecar.kill();
    for (const server of servers) server.stop();
  });
  return sidecar;
}

/** Calls one after the other until `stop`; gives all outcomes. */
function keepCalling(t: ExecutionContext<unknown>, client: EchoClient): { stop(): Promise<Outcome[]> } {
  let going = true;
  t.teardown(() => {
    going = false;
    return done;
  });
  const done = (async () => {
    const outcomes: Outcome[] = [];
    while (going) outcomes.push(await client.unary('x'));
    return outcomes;
  })();
  return {
    stop() {
      going = false;
      return done;
    },
  };
}

test.serial(
  'a file that is replaced is taken over; calls go on, and no connection of a service that stays is closed',
  async (t) => {
    const [a, b, c] = [
      await startGrpcServer({ name: 'a', version: 'v1' }),
      await startGrpcServer({ name: 'b', version: 'v1' }),
      await startGrpcServer({ name: 'c', version: 'v1' }),
    ];
    const sidecar = await started(t, { echo: { instances: instancesOf(a, b) } }, [a, b, c]);
    await sidecar.untilReady('echo', 2);
    const client = connectEcho(sidecar.address);
    t.teardown(() => client.close());
    const calling = keepCalling(t, client);
    replace(
      sidecar.configFile,
      configOf({ echo: { instances: instancesOf(a, b), timeout: '5s' }, other: { instances: instancesOf(c) } }),
    );
    await sidecar.untilReady('other', 1);
    replace(sidecar.configFile, configOf({ echo: { instances: instancesOf(a, b), timeout: '6s' } }));
    await eventually(async () => (await sidecar.service('other')) === null);
    const outcomes = await calling.stop();
    t.true(outcomes.length > 0 && outcomes.every(({ code }) => code === 0));
    t.deepEqual(answeredBy(outcomes), ['a', 'b']);
    const connects = (await (await fetch(`${sidecar.telemetry}/metrics`)).text())
      .split('\n')
      .filter((line) => /^outrigger_upstream_connects_total\{service="echo".*result="ok"/.test(line));
    t.deepEqual(
      connects.map((line) => line.split(' ').at(-1)),
      ['1', '1'],
    );
  },
);

test.serial('instances that a new config names differently join and leave without a failed call', async (t) => {
  const [a, b, c] = [
    await startGrpcServer({ name: 'a', version: 'v1' }),
    await startGrpcServer({ name: 'b', version: 'v1' }),
    await startGrpcServer({ name: 'c', version: 'v1' }),
  ];
  const sidecar = await started(t, { echo: { instances: instancesOf(a, b) } }, [a, b, c]);
  await sidecar.untilReady('echo', 2);
  const client = connectEcho(sidecar.address);
  t.teardown(() => client.close());
  const calling = keepCalling(t, client);
  writeFileSync(sidecar.configFile, configOf({ echo: { instances: instancesOf(b, c) } }));
  await reload(sidecar);
  await eventually(async () => {
    const addresses = (await sidecar.service('echo'))?.instances.map(({ address }) => address) ?? [];
    return !addresses.includes(a.address) && addresses.includes(c.address);
  });
  await sidecar.untilReady('echo', 2);
  const outcomes = await calling.stop();
  t.true(outcomes.every(({ code }) => code === 0));
  t.deepEqual(answeredBy(await Promise.all([client.unary('x'), client.unary('x'), client.unary('x')])), ['b', 'c']);
});

test.serial('with any problem the old config stays; every problem is told, logged and counted', async (t) => {
  const a = await startGrpcServer({ name: 'a', version: 'v1' });
  const sidecar = await started(t, { echo: { instances: instancesOf(a) } }, [a]);
  await sidecar.untilReady('echo', 1);
  const good = readFileSync(sidecar.configFile, 'utf8');
  replace(sidecar.configFile, configOf({ echo: { instances: instancesOf(a), balance: 'best', timeout: 3 } }));
  const { status, body } = await reload(sidecar);
  t.is(status, 422);
  t.is((body.problems as string[]).length, 2);
  t.regex((body.problems as string[]).join('\n'), /balance[\s\S]*timeout/);
  t.regex(sidecar.output(), /cannot be taken over/);
  const metrics = await (await fetch(`${sidecar.telemetry}/metrics`)).text();
  t.regex(metrics, /outrigger_config_reloads_total\{result="rejected"\} [12]\n/);
  const client = connectEcho(sidecar.address);
  t.is((await client.unary('x')).code, 0);
  client.close();
  replace(sidecar.configFile, good);
  t.is((await reload(sidecar)).status, 200);
});

test.serial('what needs a restart is named, and the rest is taken over', async (t) => {
  const a = await startGrpcServer({ name: 'a', version: 'v1' });
  const sidecar = await started(t, { echo: { instances: instancesOf(a) } }, [a]);
  const text = configOf({ echo: { instances: instancesOf(a) } }, { workers: 2, log: { level: 'warn' } });
  writeFileSync(sidecar.configFile, text);
  // The watch may have been faster: what both found stands in the log.
  await reload(sidecar);
  await eventually(() => /"needs_restart":"workers"/.test(sidecar.output()));
  t.regex(sidecar.output(), /"changed":"log"/);
});

test.serial('SIGHUP reads the config again', async (t) => {
  const [a, b] = [
    await startGrpcServer({ name: 'a', version: 'v1' }),
    await startGrpcServer({ name: 'b', version: 'v1' }),
  ];
  const sidecar = await started(t, { echo: { instances: instancesOf(a) } }, [a, b]);
  await sidecar.untilReady('echo', 1);
  writeFileSync(sidecar.configFile, configOf({ echo: { instances: instancesOf(a, b) } }));
  sidecar.process.signal('SIGHUP');
  await sidecar.untilReady('echo', 2);
  t.pass();
});

test.serial('a ConfigMap that is swapped (..data) is taken over', async (t) => {
  const [a, b] = [
    await startGrpcServer({ name: 'a', version: 'v1' }),
    await startGrpcServer({ name: 'b', version: 'v1' }),
  ];
  const holder = await started(t, { echo: { instances: instancesOf(a) } }, [a, b]);
  // As the kubelet lays a ConfigMap out: the file is a link into ..data, which is a link to the directory of the day.
  const mount = join(dirname(holder.configFile), 'mount');
  const write = (day: string, text: string): void => {
    mkdirSync(join(mount, day), { recursive: true });
    writeFileSync(join(mount, day, 'outrigger.yaml'), text);
  };
  write('..1', configOf({ echo: { instances: instancesOf(a) } }));
  symlinkSync('..1', join(mount, '..data'));
  symlinkSync('..data/outrigger.yaml', join(mount, 'outrigger.yaml'));
  const sidecar = await startSidecar(null, { args: ['--config', join(mount, 'outrigger.yaml')] });
  t.teardown(() => sidecar.kill());
  await sidecar.untilReady('echo', 1);
  write('..2', configOf({ echo: { instances: instancesOf(a, b) } }));
  symlinkSync('..2', join(mount, '..data_tmp'));
  renameSync(join(mount, '..data_tmp'), join(mount, '..data'));
  await sidecar.untilReady('echo', 2);
  t.pass();
});

test.serial('routes, the default service and discovery change live', async (t) => {
  const [a, b] = [
    await startGrpcServer({ name: 'a', version: 'v1' }),
    await startGrpcServer({ name: 'b', version: 'v1' }),
  ];
  const services = { one: { instances: instancesOf(a) }, two: { instances: instancesOf(b) } };
  const sidecar = await started(t, services, [a, b], { default_service: 'one' });
  await sidecar.untilReady('one', 1);
  await sidecar.untilReady('two', 1);
  const client = connectEcho(sidecar.address);
  t.teardown(() => client.close());
  t.deepEqual(answeredBy([await client.unary('x')]), ['a']);
  writeFileSync(sidecar.configFile, configOf(services, { default_service: 'two' }));
  await reload(sidecar);
  await eventually(async () => answeredBy([await client.unary('x')])[0] === 'b');
  const route = { path: '/outrigger.test.Echo/', service: 'one' };
  writeFileSync(sidecar.configFile, configOf(services, { default_service: 'two', routes: [route] }));
  await reload(sidecar);
  await eventually(async () => answeredBy([await client.unary('x')])[0] === 'a');
});

test.serial('health checks that are switched on take effect on instances that are there already', async (t) => {
  const a = await startGrpcServer({ name: 'a', version: 'v1' });
  const sidecar = await started(t, { echo: { instances: instancesOf(a) } }, [a]);
  await sidecar.untilReady('echo', 1);
  const health = { http: '/nowhere', interval: '200ms', timeout: '200ms', fall: 1 };
  writeFileSync(sidecar.configFile, configOf({ echo: { instances: instancesOf(a), health } }));
  await reload(sidecar);
  await eventually(async () => (await sidecar.service('echo'))?.instances[0]?.state === 'unhealthy');
  writeFileSync(sidecar.configFile, configOf({ echo: { instances: instancesOf(a) } }));
  await reload(sidecar);
  await sidecar.untilReady('echo', 1);
  t.pass();
});
