import test from 'ava';
import { guardAgainstBrowsers } from '../../src/admin/browser_guard.ts';
import { RefusedRequest } from '../../src/admin/router.ts';

function refusal(
  host: string | undefined,
  options: { method?: string; origin?: string; listenHost?: string } = {},
): string | null {
  const { method = 'GET', origin, listenHost } = options;
  try {
    guardAgainstBrowsers({ method, host, origin }, listenHost ?? null);
    return null;
  } catch (error) {
    return error instanceof RefusedRequest ? error.problem.error : 'not a refusal';
  }
}

test('localhost, IP literals and the configured host are served', (t) => {
  for (const host of [
    'localhost',
    'LOCALHOST:15000',
    '127.0.0.1',
    '127.0.0.1:15000',
    '[::1]:15000',
    '[::1]',
    '10.1.2.3:1',
  ]) {
    t.is(refusal(host), null, host);
  }
  t.is(refusal('Admin.internal:15000', { listenHost: 'admin.internal' }), null);
});

test('names that can be made to point here are refused', (t) => {
  const hosts = [
    undefined,
    '',
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    'localhost:1:2',
    'a@localhost',
    '[localhost]',
    '1.2.3',
  ];
  for (const host of hosts) t.is(refusal(host), 'host_refused', host);
});

test('a change is refused when a page of another origin asks for it', (t) => {
  const host = '127.0.0.1:15000';
  for (const origin of ['https://evil.example', 'http://127.0.0.1:8080', 'http://localhost:15000', 'null', '']) {
    t.is(refusal(host, { method: 'POST', origin }), 'origin_refused', origin);
    t.is(refusal(host, { method: 'GET', origin }), null, origin);
  }
  t.is(refusal(host, { method: 'POST', origin: `http://${host}` }), null);
  t.is(refusal(host, { method: 'POST' }), null);
});
