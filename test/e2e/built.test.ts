import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { connectEcho } from '../support/echo_client.ts';
import { startGrpcServer } from '../support/grpc_server.ts';
import { BUILT, startSidecar, temporaryDirectory } from '../support/sidecar.ts';

const ROOT = new URL('../../', import.meta.url);

test('the built program serves calls, its page and its metrics', async (t) => {
  const server = await startGrpcServer({ name: 'one' });
  t.teardown(() => server.stop());
  const sidecar = await startSidecar(
    {
      registries: { here: { type: 'static' } },
      services: { echo: { registry: 'here', instances: [{ address: server.address, version: 'v1' }] } },
    },
    { program: BUILT },
  );
  t.teardown(() => sidecar.kill());
  await sidecar.untilReady('echo', 1);
  const client = connectEcho(sidecar.address);
  t.teardown(() => client.close());
  t.is((await client.unary('hello')).code, 0);
  const page = await (await fetch(`${sidecar.admin}/`, { headers: { accept: 'text/html' } })).text();
  t.regex(page, /^<!doctype html>/i);
  const metrics = await (await fetch(`${sidecar.telemetry}/metrics`)).text();
  t.regex(metrics, /^outrigger_requests_total\{service="echo",version="v1",.*\} 1$/m);
  t.is(await sidecar.stop(), 0);
});

test('the build leaves what Node compiled beside the program, and an app that it starts does not get it', (t) => {
  t.true(existsSync(new URL('dist/.compiled', ROOT)));
  const ports = ['--listen', '--admin', '--telemetry'].flatMap((flag) => [flag, '127.0.0.1:0']);
  const app = [process.execPath, '--print', 'process.env.NODE_COMPILE_CACHE'];
  const env = { ...process.env, NODE_COMPILE_CACHE: undefined };
  const args = [BUILT, 'run', ...ports, '--static', 'a=127.0.0.1:1', '--', ...app];
  const { stdout, status } = spawnSync(process.execPath, args, { encoding: 'utf8', env });
  t.deepEqual([stdout, status], ['undefined\n', 0]);
});

test('commands of the built program find their parts, those that bring code of their own as well', (t) => {
  const { version } = JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8')) as { version: string };
  const run = (...args: string[]) => spawnSync(process.execPath, [BUILT, ...args], { encoding: 'utf8' });
  t.is(run('--version').stdout, `${version}\n`);
  t.is(run('schema').status, 0);
  t.is(run('completions', 'bash').status, 0);
  const config = (name: string): string => new URL(`config/${name}.yaml`, ROOT).pathname;
  t.is(run('check', '--config', config('static')).status, 0);
  t.regex(run('simulate', '--config', config('static'), '--calls', '1000').stdout, /round_robin/);
  // Nobody answers, but whoever asks is there.
  for (const [registry, path] of [
    [{ type: 'etcd', endpoints: ['http://127.0.0.1:1'] }, '/services/book/'],
    [{ type: 'consul', address: 'http://127.0.0.1:1' }, 'book'],
    [{ type: 'dns', servers: ['127.0.0.1:1'] }, 'book.internal:50051'],
    [{ type: 'eureka', urls: ['http://127.0.0.1:1/eureka/'] }, 'BOOK'],
    [{ type: 'zookeeper', servers: ['127.0.0.1:1'] }, '/services/book/'],
  ] as const) {
    const file = join(temporaryDirectory(), 'outrigger.yaml');
    writeFileSync(file, JSON.stringify({ registries: { main: registry }, services: { book: { path } } }));
    const { stdout, stderr } = run('check', '--dial', '--config', file);
    t.regex(stdout, /^✓ config/m, stderr);
    t.notRegex(stdout + stderr, /MODULE_NOT_FOUND|Cannot find/, registry.type);
  }
  for (const command of ['services', 'top', 'tap', 'explain x']) {
    const { stderr } = run(...command.split(' '), '--admin', '127.0.0.1:1');
    t.regex(stderr, /no sidecar answers at/, command);
  }
});

test('a bad config ends the built program with 2, though a data thread has been begun', (t) => {
  const { status, stderr } = spawnSync(process.execPath, [BUILT, 'run', '--config', '/nowhere.yaml'], {
    encoding: 'utf8',
    timeout: 20_000,
  });
  t.is(status, 2);
  t.regex(stderr, /nowhere\.yaml/);
});

test('the licences of what was built in stand beside it', (t) => {
  const file = new URL('dist/THIRD_PARTY_LICENSES.txt', ROOT);
  t.true(existsSync(file));
  const text = readFileSync(file, 'utf8');
  for (const name of ['pino', 'yaml', 'zod']) t.regex(text, new RegExp(`^${name} \\d`, 'm'));
});
