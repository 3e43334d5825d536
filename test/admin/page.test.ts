import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import { startAdminServer } from '../../src/admin/admin_server.ts';
import { silentLog } from '../../src/base/log.ts';
import { CounterArena } from '../../src/control/counters.ts';
import { ask } from './request.ts';

async function start(t: ExecutionContext): Promise<string> {
  const server = await startAdminServer({
    listen: '127.0.0.1:0',
    log: silentLog,
    view: {
      counters: new CounterArena(1),
      services: () => [],
      now: () => 0,
      explain: () => Promise.reject(new Error('not here')),
      tap: () => null,
      config: () => null,
    },
    actions: {
      setLogLevel() {},
      drain() {},
      shutdown() {},
      reload: async () => ({ result: 'unchanged', changed: [], restart: [], problems: [] }),
    },
  });
  t.teardown(() => server.close());
  return server.address;
}

const BROWSER = { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' };
const inside = (html: string, element: string): string =>
  new RegExp(`<${element}[^>]*>(.*?)</${element}>`, 's').exec(html)?.[1] ?? '';

test('a browser gets the page, everybody else the list of what can be asked for', async (t) => {
  const address = await start(t);
  const page = await ask(address, '/', { headers: BROWSER });
  t.is(page.headers['content-type'], 'text/html; charset=utf-8');
  for (const accept of ['*/*', 'text/plain', 'application/json', '']) {
    const list = await ask(address, '/', { headers: { accept } });
    t.is(list.headers['content-type'], 'text/plain; charset=utf-8', accept);
    t.true(list.text.includes('GET /events'));
  }
});

test('the page is one answer of less than 60 KB without anything from elsewhere', async (t) => {
  const { text, body } = await ask(await start(t), '/', { headers: BROWSER });
  t.true(body.length < 60_000, `${body.length} octets`);
  // What is left when its own text is taken out: no other document is named.
  const markup = text.replace(inside(text, 'style'), '').replace(inside(text, 'script'), '');
  t.deepEqual([...markup.matchAll(/(?:src|href)="(?!#|data:)[^"]*"/g)], []);
  t.notRegex(inside(text, 'style'), /@import|url\(/);
  t.notRegex(inside(text, 'script'), /^(?:import|export)\b|innerHTML|\beval\b/m);
});

test('its policy names the script and the style that stand in it, and nothing else', async (t) => {
  const { text, headers } = await ask(await start(t), '/', { headers: BROWSER });
  const policy = String(headers['content-security-policy']).split('; ');
  const hash = (element: string): string => createHash('sha256').update(inside(text, element)).digest('base64');
  t.true(policy.includes("default-src 'none'"));
  t.true(policy.includes(`script-src 'sha256-${hash('script')}'`));
  t.true(policy.includes(`style-src 'sha256-${hash('style')}'`));
  t.true(policy.includes("frame-ancestors 'none'"));
  t.notRegex(policy.join(), /unsafe|\*/);
});

test('it is packed for who takes that', async (t) => {
  const address = await start(t);
  const packed = await ask(address, '/', { headers: { ...BROWSER, 'accept-encoding': 'gzip, br' } });
  const plain = await ask(address, '/', { headers: { ...BROWSER, 'accept-encoding': 'gzip;q=0' } });
  t.is(packed.headers['content-encoding'], 'gzip');
  t.is(plain.headers['content-encoding'], undefined);
  t.is(gunzipSync(packed.body).toString(), plain.text);
});

test('the page and its events are refused for a host that somebody else may own', async (t) => {
  const address = await start(t);
  for (const path of ['/', '/events']) {
    const { status } = await ask(address, path, { headers: { ...BROWSER, host: 'evil.example' } });
    t.is(status, 403, path);
  }
});
