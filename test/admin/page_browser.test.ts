import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Browser, Page } from 'playwright-core';
import { openPage, rendered, startBrowser } from '../support/browser.ts';
import { connectEcho, type EchoClient } from '../support/echo_client.ts';
import { eventually } from '../support/eventually.ts';
import { type GrpcServer, startGrpcServer } from '../support/grpc_server.ts';
import { PATIENCE_MS } from '../support/process.ts';
import { present, serialTestWith } from '../support/requires.ts';
import { type Sidecar, startSidecar, temporaryDirectory } from '../support/sidecar.ts';

const inBrowser = serialTestWith('chromium');
const HOSTILE = '<img src=x onerror="document.title=1">';

let browser: Browser;
let sidecar: Sidecar;
let calls: EchoClient;
let traffic: NodeJS.Timeout;
const servers: GrpcServer[] = [];
const file = join(temporaryDirectory(), 'instances.json');

/** Instances as the registry's file holds them; moved into place, so that it is never half there. */
function register(book: readonly GrpcServer[], extra: readonly object[] = []): void {
  const instances = book.map(({ name, version, address }) => ({ id: name, address, version }));
  const hostile = { id: HOSTILE, address: '127.0.0.1:1', version: HOSTILE };
  writeFileSync(`${file}.new`, JSON.stringify({ services: { book: [...instances, ...extra], odd: [hostile] } }));
  renameSync(`${file}.new`, file);
}

test.before(async () => {
  if (!present('chromium')) return;
  for (const [name, version] of [
    ['book-1', 'v1'],
    ['book-2', 'v1'],
    ['book-3', 'v2'],
  ] as const) {
    servers.push(await startGrpcServer({ name, version }));
  }
  register(servers);
  sidecar = await startSidecar({
    registries: { main: { type: 'file', path: file } },
    services: { book: { registry: 'main' }, odd: { registry: 'main' } },
  });
  await sidecar.untilReady('book', 3);
  calls = connectEcho(sidecar.address, 'book');
  traffic = setInterval(() => void calls.unary('hello'), 50);
  browser = await startBrowser();
});

test.after.always(async () => {
  clearInterval(traffic);
  calls?.close();
  await browser?.close();
  await sidecar?.kill();
  for (const server of servers) server.stop();
});

async function open(t: ExecutionContext, path = '/', options: Parameters<typeof openPage>[2] = {}) {
  const opened = await openPage(browser, `${sidecar.admin}${path}`, options);
  t.teardown(() => opened.page.context().close());
  await opened.page.getByRole('heading', { level: 1 }).waitFor({ timeout: PATIENCE_MS });
  return opened;
}

/** How far one would have to scroll, the page or a table in it. */
const sideways = (page: Page): Promise<number> =>
  page.evaluate(
    `Math.max(...[document.documentElement, ...document.querySelectorAll('.scroll')].map((e) => e.scrollWidth - e.clientWidth))`,
  );

inBrowser('the page shows services and instances with what they do, and goes on by itself', async (t) => {
  const { page, complaints, requests } = await open(t);
  const book = page.getByRole('article', { name: 'Service book' });
  await book.getByRole('table', { name: 'Instances' }).waitFor();
  t.is(await book.getByRole('row').count(), 4, 'a row of heads and three instances');
  for (const { address, version, name } of servers) {
    const row = book.getByRole('row', { name: address });
    await eventually(async () => /ready.*\d/s.test(await rendered(row)), PATIENCE_MS);
    const text = await rendered(row);
    t.true(text.includes(version) && text.includes(name), text);
  }
  // Requests per second and a share of all requests, from real calls.
  const share = book
    .getByRole('row', { name: servers[2]?.address as string })
    .getByRole('cell')
    .last();
  await eventually(async () => /^[1-9]\d%$/.test(await rendered(share)), PATIENCE_MS);
  const picture = book.getByRole('img', { name: /^Requests per second, last 90 seconds: now [1-9]/ });
  await eventually(async () => (await picture.count()) === 1, PATIENCE_MS);
  const line = (): Promise<string | null> => picture.locator('.line').getAttribute('d');
  const before = await line();
  await eventually(async () => (await line()) !== before, PATIENCE_MS);
  t.deepEqual(complaints, []);
  t.deepEqual(
    requests.filter((url) => !url.startsWith(`${sidecar.admin}/`) && !url.startsWith('data:')),
    [],
  );
});

inBrowser('an instance that joins and leaves is seen at once, and stands among what changed lately', async (t) => {
  const { page, complaints } = await open(t);
  const late = await startGrpcServer({ name: 'late', version: 'v3' });
  t.teardown(() => late.stop());
  const book = page.getByRole('article', { name: 'Service book' });
  const journal = page.getByRole('complementary');
  register([...servers, late]);
  await book.getByRole('row', { name: late.address }).waitFor();
  await journal.getByText(`${late.address} joined in book`).first().waitFor();
  register(servers);
  await journal.getByText(`${late.address} left in book`).first().waitFor();
  await book.getByRole('row', { name: late.address }).waitFor({ state: 'detached' });
  t.deepEqual(complaints, []);
});

inBrowser('an instance that cannot be reached is marked in words, with the reason', async (t) => {
  const { page } = await open(t);
  const odd = page.getByRole('article', { name: 'Service odd' });
  await eventually(async () => /backoff\s+.*ECONNREFUSED/s.test(await rendered(odd)), PATIENCE_MS);
  t.pass();
});

inBrowser('the page of a service explains a choice, and shows its requests', async (t) => {
  const { page, complaints } = await open(t, '/#/service/book');
  await page.getByRole('textbox', { name: 'Version' }).fill('v2');
  await page.getByRole('button', { name: 'Explain' }).press('Enter');
  const panel = page.getByRole('region', { name: 'Why this instance?' });
  await panel.getByText(`Next ${servers[2]?.address}`).waitFor();
  const version = panel.getByRole('listitem').filter({ hasText: 'version' }).first();
  t.regex(await rendered(version), /1 left, 2 out/);
  await version.getByText('Why 2 instances went out').click();
  t.true((await rendered(version)).includes(servers[0]?.address as string));
  await panel.getByRole('textbox', { name: 'Version' }).fill('v9');
  await panel.getByRole('button', { name: 'Explain' }).click();
  await panel.getByText('no_version').waitFor();

  await page.getByRole('button', { name: 'Watch requests' }).click();
  const requests = page.getByRole('table', { name: 'Recent requests' });
  await eventually(async () => (await requests.getByRole('row').count()) > 3, PATIENCE_MS);
  t.regex(await rendered(requests), /POST \/outrigger\.test\.Echo\/Unary/);
  await page.getByRole('button', { name: 'Stop' }).click();
  // It is drawn from the last seconds, and those have to come first.
  const picture = page.getByRole('figure');
  await eventually(async () => /half of the requests within [\d.]+ m?s/.test(await rendered(picture)), PATIENCE_MS);
  t.deepEqual(complaints, []);
});

inBrowser('names that are markup stay text', async (t) => {
  const { page, complaints } = await open(t);
  const odd = page.getByRole('article', { name: 'Service odd' });
  await odd.getByText(HOSTILE).first().waitFor();
  t.is(await page.locator('img').count(), 0);
  t.is(await page.title(), 'Services – Outrigger');
  await page.goto(`${sidecar.admin}/#/service/${encodeURIComponent(HOSTILE)}`);
  await page.getByText('There is no service').waitFor();
  t.is(await page.locator('img').count(), 0);
  t.deepEqual(complaints, []);
});

inBrowser('the policy of the page keeps out scripts, markup and other places', async (t) => {
  const { page, requests } = await open(t);
  const refused = async (attempt: string): Promise<boolean> =>
    page.evaluate(`(async () => { try { ${attempt} } catch { return true } return false })()`);
  t.true(await refused(`document.body.innerHTML = '<b>x</b>'`), 'markup from text');
  t.true(await refused(`await fetch('http://127.0.0.1:1/')`), 'another place');
  t.true(await refused(`document.createElement('script').text = 'alert(1)'`), 'code from text');
  await page.evaluate(
    `{ const s = document.createElement('style'); s.textContent = 'body { display: none }'; document.head.append(s) }`,
  );
  t.true(await page.getByRole('heading', { level: 1 }).isVisible(), 'a style of somebody else');
  t.false(requests.includes('http://127.0.0.1:1/'));
});

for (const colorScheme of ['light', 'dark'] as const) {
  inBrowser(`the page follows the system's ${colorScheme} scheme, and the switch overrules it for good`, async (t) => {
    const { page } = await open(t, '/', { colorScheme });
    const lightness = async (): Promise<number> =>
      page.evaluate(`Number(/\\d+/.exec(getComputedStyle(document.documentElement).backgroundColor)[0])`);
    const isDark = colorScheme === 'dark';
    t.is((await lightness()) < 100, isDark);
    const other = isDark ? 'light' : 'dark';
    for (let clicks = 0; clicks < 3 && (await page.getByText(`Theme: ${other}`).count()) === 0; clicks++) {
      await page.getByRole('button', { name: 'Theme' }).click();
    }
    t.is((await lightness()) < 100, !isDark);
    await page.reload();
    await page.getByText(`Theme: ${other}`).waitFor();
    t.is((await lightness()) < 100, !isDark);
  });
}

inBrowser('nothing has to be scrolled sideways, from a phone to a wide screen', async (t) => {
  const { page } = await open(t);
  await page.getByRole('article', { name: 'Service book' }).waitFor();
  for (const hash of ['#/', '#/service/book']) {
    await page.goto(`${sidecar.admin}/${hash}`);
    await page.getByRole('table', { name: 'Instances' }).first().waitFor();
    for (const width of [320, 390, 768, 1280, 1920]) {
      await page.setViewportSize({ width, height: 800 });
      t.is(await sideways(page), 0, `${hash} at ${width}`);
    }
  }
});

inBrowser('everything can be done with the keyboard, and roles and names say what is there', async (t) => {
  const { page } = await open(t);
  await page.getByRole('article', { name: 'Service book' }).waitFor();
  await page.keyboard.press('Tab');
  t.is(await page.evaluate('document.activeElement.textContent'), 'Skip to the services');
  await page.keyboard.press('Enter');
  t.is(await page.evaluate('document.activeElement.id'), 'main');
  await page.keyboard.press('/');
  await page.keyboard.type('boo');
  await page.getByRole('article', { name: 'Service odd' }).waitFor({ state: 'detached' });
  await page.keyboard.press('Tab');
  t.not(await page.evaluate('getComputedStyle(document.activeElement).outlineStyle'), 'none');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: 'book' }).waitFor();
  t.is(await page.evaluate('document.activeElement.id'), 'main', 'the new page has the focus');
  const seen = await page.locator('body').ariaSnapshot();
  for (const part of [
    '- banner',
    '- main',
    '- navigation "Breadcrumb"',
    '- region "Latency"',
    '- region "Instances"',
    '- searchbox "Filter instances"',
    '- columnheader "Requests/s"',
    '- rowheader',
    '- textbox "Path"',
    '- status: live',
  ]) {
    t.true(seen.includes(part), `${part} in\n${seen}`);
  }
  const head = page.getByRole('columnheader', { name: 'Requests/s' });
  await head.getByRole('button').press('Enter');
  t.is(await head.getAttribute('aria-sort'), 'descending');
});

inBrowser('what changes something asks before it is done', async (t) => {
  const { page, requests } = await open(t);
  await page.getByText('Actions', { exact: true }).click();
  await page.getByRole('button', { name: 'Drain' }).click();
  const dialog = page.getByRole('dialog', { name: 'Drain this sidecar?' });
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  await dialog.waitFor({ state: 'detached' });
  t.false(requests.some((url) => url.endsWith('/drain')));
  await page.getByRole('combobox', { name: 'Log level' }).selectOption('debug');
  await page.getByRole('dialog').getByRole('button', { name: 'Set' }).click();
  await page.getByText('Log level: debug.').first().waitFor();
  t.is(requests.filter((url) => url.endsWith('/log-level?level=debug')).length, 1);
});

inBrowser('a thousand instances are filtered, sorted and paged', async (t) => {
  const many = Array.from({ length: 1_000 }, (_, index) => {
    const address = `127.0.${1 + Math.floor(index / 250)}.${1 + (index % 250)}:1`;
    return { id: `many-${index}`, address, version: `v${index % 7}` };
  });
  register(servers, many);
  t.teardown(() => register(servers));
  const { page, complaints } = await open(t, '/#/service/book');
  const panel = page.getByRole('region', { name: 'Instances' });
  await panel.getByText('1 to 50 of 1,003 instances').waitFor();
  t.is(await panel.getByRole('row').count(), 51);
  await panel.getByRole('button', { name: 'Next' }).click();
  await panel.getByText('51 to 100 of 1,003 instances').waitFor();
  await panel.getByRole('searchbox').fill('127.0.2.7: v');
  await panel.getByText('1 instance of 1003').waitFor();
  t.regex(await rendered(panel.getByRole('row').last()), /127\.0\.2\.7:1/);
  t.deepEqual(complaints, []);
});

inBrowser('instances that a subset leaves out are quiet: counted apart, last, and no trouble', async (t) => {
  const instances = servers.map(({ address }) => ({ address, version: 'v1' }));
  const whole = await startSidecar({
    registries: { here: { type: 'static' } },
    services: { part: { registry: 'here', instances, subset: 2 } },
  });
  t.teardown(() => whole.kill());
  const states = async (): Promise<string[]> =>
    ((await whole.service('part'))?.instances ?? []).map(({ state }) => state).sort();
  await eventually(async () => (await states()).join() === 'ready,ready,spare', PATIENCE_MS);
  const { page, complaints } = await openPage(browser, whole.admin);
  t.teardown(() => page.context().close());
  const part = page.getByRole('article', { name: 'Service part' });
  const last = part.getByRole('row').last();
  await eventually(async () => /spare/.test(await rendered(last)), PATIENCE_MS);
  const ready = part.locator('.figure').last();
  t.regex(await rendered(ready), /^Ready\s+2\s+of 2, 1 spare$/);
  t.is(await ready.getAttribute('class'), 'figure');
  t.regex(await rendered(page.locator('.totals')), /1 service, 2 of 2 instances ready, 1 spare, /);
  t.is(await part.locator('.sharebar i').count(), 2, 'a spare one has no share');

  const shapes = await part.locator('.state path').evaluateAll((all) => all.map((one) => one.getAttribute('d')));
  t.is(shapes.length, 3);
  t.truthy(shapes[2], 'it has a shape');
  t.not(shapes[2], shapes[1]);
  const looks = new Set<string>();
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    const colors = await part
      .locator('.state')
      .evaluateAll((all) => all.map((one) => one.ownerDocument.defaultView?.getComputedStyle(one).color ?? ''));
    t.not(colors[2], colors[1], colorScheme);
    looks.add(colors[2] as string);
  }
  t.is(looks.size, 2, 'light and dark differ');

  await page.goto(`${whole.admin}/#/service/part`);
  const shared = page.getByRole('region', { name: 'Versions' });
  await eventually(async () => /v1\s+2 instances, 1 spare/.test(await rendered(shared)), PATIENCE_MS);
  const table = page.getByRole('region', { name: 'Instances' });
  await table.getByText('3 instances').waitFor();
  t.regex(await rendered(table.getByRole('row').last()), /spare/);
  await page.getByRole('button', { name: 'Explain' }).click();
  const step = page
    .getByRole('region', { name: 'Why this instance?' })
    .getByRole('listitem')
    .filter({ hasText: 'subset' });
  await eventually(async () => /2 left, 1 out/.test(await rendered(step.first())), PATIENCE_MS);
  for (const width of [320, 1280]) {
    await page.setViewportSize({ width, height: 800 });
    t.is(await sideways(page), 0, String(width));
  }
  t.deepEqual(complaints, []);
});

inBrowser('a sidecar that goes away is said so, and the page finds the next one by itself', async (t) => {
  const port = await startSidecar({
    registries: { main: { type: 'file', path: file } },
    discover: { registry: 'main' },
  });
  const admin = new URL(port.admin).host;
  const { page } = await openPage(browser, port.admin);
  t.teardown(() => page.context().close());
  await page.getByRole('heading', { name: 'No services yet' }).waitFor();
  await port.kill();
  await page.getByText('Connection lost, retrying').waitFor();
  const next = await startSidecar({
    admin,
    registries: { here: { type: 'static' } },
    services: { back: { registry: 'here', instances: [{ address: servers[0]?.address }] } },
  });
  t.teardown(() => next.kill());
  await page.getByRole('article', { name: 'Service back' }).waitFor();
  await page.getByText('Connection lost, retrying').waitFor({ state: 'hidden' });
  t.pass();
});
