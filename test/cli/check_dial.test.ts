import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { checkClock } from '../../src/cli/check/clock.ts';
import { runCheck } from '../../src/cli/check.ts';
import type { RegistryOptions } from '../../src/config/registry_options.ts';
import { startGrpcServer } from '../support/grpc_server.ts';

async function check(t: ExecutionContext, config: object, files: Readonly<Record<string, string>> = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'outrigger-check-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  for (const [name, text] of Object.entries({ 'a.yaml': JSON.stringify(config), ...files }))
    writeFileSync(join(directory, name), text);
  const run = async (json: boolean) => {
    let out = '';
    const write = (text: string): void => {
      out += text;
    };
    const output = { out: write, err: write, color: false };
    const request = { file: join(directory, 'a.yaml'), flags: {}, env: {}, cwd: directory };
    return { code: await runCheck(request, output, { dial: true, json }), out };
  };
  return { plain: await run(false), json: await run(true) };
}

test('each thing that is looked at gets a line with a tick or a cross, and a hint where it is a cross', async (t) => {
  const server = await startGrpcServer({});
  t.teardown(() => server.stop());
  const config = {
    registries: { here: { type: 'static' }, records: { type: 'file', path: 'records.yaml' } },
    services: {
      echo: { registry: 'here', instances: [{ address: server.address }] },
      gone: { registry: 'here', instances: [{ address: '127.0.0.1:1' }] },
      book: { registry: 'records' },
    },
  };
  const records = `services:\n  book:\n    - address: ${server.address}\n    - address: nonsense\n`;
  const { plain, json } = await check(t, config, { 'records.yaml': records });
  t.is(plain.code, 1);
  t.regex(plain.out, /^✓ config +\S+a\.yaml\n/);
  t.regex(plain.out, /^✓ registry +here: static, answers and lets us read$/m);
  t.regex(plain.out, /^✓ records +here: 2 records, all can be read$/m);
  t.regex(plain.out, /^- clock +here: a registry of type static tells no time$/m);
  t.regex(plain.out, /^✗ records +records: 1 of 2 records cannot be read\n {4}.*nonsense.*\n {4}hint: /m);
  t.regex(plain.out, new RegExp(`^✓ instance +echo ${server.address}: HTTP/2$`, 'm'));
  t.regex(plain.out, /^✗ instance +gone 127\.0\.0\.1:1: ECONNREFUSED\n {4}hint: nobody listens there/m);
  t.regex(plain.out, /\n\d+ fine, 2 not, 2 not looked at\n$/);
  t.is(json.code, 1);
  const { ok, checks } = JSON.parse(json.out);
  t.false(ok);
  t.deepEqual(
    checks
      .filter(({ ok: fine }: { ok: boolean }) => fine === false)
      .map(({ what, of }: { what: string; of: string }) => [what, of]),
    [
      ['records', 'records'],
      ['instance', 'gone 127.0.0.1:1'],
    ],
  );
});

test('a registry that does not answer is a cross with its hint, and the others are still asked', async (t) => {
  const { plain } = await check(t, {
    registries: { away: { type: 'consul', address: 'http://127.0.0.1:1' }, here: { type: 'static' } },
    services: {
      book: { registry: 'away', path: 'book' },
      gone: { registry: 'here', instances: [{ address: '127.0.0.1:1' }] },
    },
  });
  t.is(plain.code, 1);
  t.regex(plain.out, /^✗ registry +away: .*\n {4}hint: /m);
  t.regex(plain.out, /^- clock +away: its server tells no time: /m);
  t.regex(plain.out, /^✗ instance +gone/m);
});

for (const [what, pieces] of [
  ['an answer with a status line', ['HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n']],
  ['an answer that comes in pieces', ['H', 'TTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n']],
  ['a page without a status line, as HTTP/0.9 has it', ['<!DOCTYPE HTML>\n<html lang="en">']],
] as const) {
  test(`a server that speaks HTTP/1.1 is said to, with what to write: ${what}`, async (t) => {
    const server = createTcpServer((socket) => {
      socket.on('error', () => {});
      const write = ([piece, ...rest]: readonly string[]): void => {
        if (piece !== undefined) socket.write(piece, () => write(rest));
      };
      socket.setNoDelay().once('data', () => write(pieces));
    });
    t.teardown(() => server.close());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const { plain } = await check(t, {
      registries: { here: { type: 'static' } },
      services: { web: { registry: 'here', instances: [{ address: `127.0.0.1:${port}` }] } },
    });
    t.regex(plain.out, /^✗ instance +web \S+: it answers in HTTP\/1: give the service "protocol: http\/1\.1"$/m);
  });
}

test('problems of the config are JSON, too, for who asks for it', async (t) => {
  const { json } = await check(t, { workers: 0 });
  t.is(json.code, 2);
  const { ok, checks } = JSON.parse(json.out);
  t.false(ok);
  t.true(checks.some(({ of }: { of: string }) => of.endsWith(': workers')));
});

async function startServer(t: ExecutionContext, date: () => string): Promise<RegistryOptions> {
  const server = createServer((_request, response) => response.writeHead(404, { date: date() }).end());
  server.on('request', () => {});
  t.teardown(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { type: 'consul', address, health: 'passing', consistency: 'default' } as unknown as RegistryOptions;
}

test('clocks that agree are fine, whatever the status of the answer', async (t) => {
  const options = await startServer(t, () => new Date().toUTCString());
  t.like(await checkClock('main', options, Date.now), { what: 'clock', of: 'main', ok: true });
});

for (const [minutes, words] of [
  [5, '5 min ahead of ours'],
  [-5, '5 min behind ours'],
] as const) {
  test(`a registry's clock that is ${words} is a cross`, async (t) => {
    const options = await startServer(t, () => new Date(Date.now() + minutes * 60_000 + 500).toUTCString());
    const { ok, text, hint } = await checkClock('main', options, Date.now);
    t.false(ok);
    t.is(text, `its server's is ${words}`);
    t.regex(hint ?? '', /NTP/);
  });
}

test('a server that tells no time is not judged', async (t) => {
  const options = await startServer(t, () => 'yesterday');
  t.like(await checkClock('main', options, Date.now), { ok: null });
});
