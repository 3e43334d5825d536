import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { startHttpServer } from '../../src/admin/http_server.ts';
import { text } from '../../src/admin/router.ts';
import { OutriggerError } from '../../src/base/errors.ts';
import { silentLog } from '../../src/base/log.ts';
import { ask } from './request.ts';

const base = {
  key: 'telemetry',
  routes: [{ method: 'GET', path: '/live', about: 'lives', handle: () => text(200, 'ok') }],
  guarded: false,
  log: silentLog,
} as const;

test('a port that is taken says who can be asked about it and which key to change', async (t) => {
  const first = await startHttpServer({ ...base, listen: '127.0.0.1:0' });
  t.teardown(() => first.close());
  const error = await t.throwsAsync(startHttpServer({ ...base, listen: first.address }), {
    instanceOf: OutriggerError,
  });
  t.is(error.code, 'listen_failed');
  t.is(error.message, `telemetry: cannot listen on ${first.address}: the address is in use (EADDRINUSE)`);
  const port = first.address.split(':')[1];
  t.true(error.hint?.includes(`ss -ltnp 'sport = :${port}'`));
  t.true(error.hint?.includes('the config key "telemetry"'));
});

test('an address that is none, or not of this machine, is refused with what would do', async (t) => {
  for (const listen of ['nonsense', '127.0.0.1', '127.0.0.1:70000', ':8080', 'unix:', '192.0.2.1:15020']) {
    const error = await t.throwsAsync(startHttpServer({ ...base, listen }), { instanceOf: OutriggerError }, listen);
    t.is(error.code, 'listen_failed', listen);
    t.true(error.message.includes(listen));
    t.true(error.hint?.includes('127.0.0.1:PORT'), listen);
  }
});

test('it listens on IPv6 and on a socket file too, and tells where', async (t) => {
  const six = await startHttpServer({ ...base, listen: '[::1]:0' });
  t.teardown(() => six.close());
  t.regex(six.address, /^\[::1\]:\d+$/);
  t.is((await ask(six.address, '/live')).text, 'ok\n');

  const folder = mkdtempSync(join(tmpdir(), 'outrigger-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const file = await startHttpServer({ ...base, listen: `unix:${folder}/admin.sock` });
  t.teardown(() => file.close());
  t.is(file.address, `unix:${folder}/admin.sock`);
  t.is((await ask(file.address, '/live')).text, 'ok\n');
  const error = await t.throwsAsync(startHttpServer({ ...base, listen: file.address }), { instanceOf: OutriggerError });
  t.true(error.hint?.includes('socket file'));
});
