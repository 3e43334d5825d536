import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import test from 'ava';
import { connectEcho } from '../support/echo_client.ts';
import { startGrpcServer } from '../support/grpc_server.ts';
import { BUILT, startSidecar } from '../support/sidecar.ts';

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

test('every command of the built program finds its parts', (t) => {
  const { version } = JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8')) as { version: string };
  const run = (...args: string[]) => spawnSync(process.execPath, [BUILT, ...args], { encoding: 'utf8' });
  t.is(run('--version').stdout, `${version}\n`);
  t.is(run('schema').status, 0);
  t.is(run('completions', 'bash').status, 0);
  t.is(run('check', '--config', new URL('config/static.yaml', ROOT).pathname).status, 0);
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
