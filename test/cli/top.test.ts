import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { stripVTControlCharacters } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import type { ServiceStats, StatsJson } from '../../src/admin/stats_json.ts';
import { screenText, topText } from '../../src/cli/top/print.ts';
import { ratesOf } from '../../src/cli/top/rates.ts';
import { sorted } from '../../src/cli/top/sort.ts';
import { runTop, type Terminal } from '../../src/cli/top.ts';
import { eventually } from '../support/eventually.ts';

const BOUNDS = [0.001, 0.01, 0.1];

function stats(now: number, requests: number, errors = 0, other = 0): StatsJson {
  const instance = (address: string, count: number) => ({
    address,
    version: 'v1',
    state: 'ready' as const,
    requests: count,
    errors: 0,
    in_flight: 1,
    durations: [count, 0, 0, 0],
  });
  return {
    now,
    bounds: BOUNDS,
    services: [
      {
        name: 'book',
        requests,
        errors,
        in_flight: 3,
        pending: 0,
        durations: [0, requests, 0, 0],
        instances: [instance('10.0.0.1:1', requests / 4), instance('10.0.0.2:1', (3 * requests) / 4)],
      },
      { name: 'app', requests: other, errors: 0, in_flight: 0, pending: 0, durations: [0, 0, 0, other], instances: [] },
    ],
  };
}

test('rates, shares and latencies are those of the time between two looks', (t) => {
  const [book, app] = ratesOf(stats(1_000, 100, 5), stats(3_000, 300, 15, 4));
  t.like(book?.total, { requests_per_second: 100, errors_per_second: 5, in_flight: 3, state: '2 of 2 ready' });
  t.true(Math.abs((book?.total.p50_ms ?? 0) - 5.5) < 1e-9);
  t.deepEqual(
    book?.instances.map(({ share, requests_per_second }) => [share, requests_per_second]),
    [
      [0.25, 25],
      [0.75, 75],
    ],
  );
  // What lies above all bounds is at least the last of them.
  t.like(app?.total, { requests_per_second: 2, p99_ms: 100, state: 'no instance' });
});

test('a sidecar that was restarted counts from zero, and nothing is negative', (t) => {
  const [book] = ratesOf(stats(1_000, 100_000), stats(2_000, 8));
  t.is(book?.total.requests_per_second, 8);
});

test('without requests there is no latency and no share', (t) => {
  const [book] = ratesOf(stats(1_000, 100), stats(2_000, 100));
  t.like(book?.total, { requests_per_second: 0, p50_ms: null, p99_ms: null });
  t.is(book?.instances[0]?.share, null);
});

test('services and their instances are sorted alike, the most first', (t) => {
  const services = ratesOf(stats(1_000, 0), stats(2_000, 100, 0, 500));
  const order = (key: Parameters<typeof sorted>[1]) =>
    sorted(services, key).flatMap(({ total, instances }) => [
      total.service,
      ...instances.map(({ instance }) => instance),
    ]);
  t.deepEqual(order('service'), ['app', 'book', '10.0.0.1:1', '10.0.0.2:1']);
  t.deepEqual(order('requests'), ['app', 'book', '10.0.0.2:1', '10.0.0.1:1']);
  t.deepEqual(order('in-flight'), ['book', '10.0.0.1:1', '10.0.0.2:1', 'app']);
});

test('the table has a line per service and instance', (t) => {
  const text = topText(ratesOf(stats(1_000, 0), stats(2_000, 100, 10)));
  t.is(
    text,
    `SERVICE  INSTANCE    VERSION  STATE         REQ/S  ERR/S  P50     P99     IN-FLIGHT  SHARE
book     -           -        2 of 2 ready    100     10  5.50ms  9.91ms          3  -
book     10.0.0.1:1  v1       ready            25      0  0.50ms  0.99ms          1  25.0%
book     10.0.0.2:1  v1       ready            75      0  0.50ms  0.99ms          1  75.0%
app      -           -        no instance       0      0  -       -               0  -
`,
  );
});

test('instances that a subset leaves out are counted apart, come last, and are drawn dim', (t) => {
  const look = stats(1_000, 100);
  const [book] = look.services;
  const spare = ['10.0.0.0:1', '10.0.0.3:1'].map((address) => ({
    ...(book as ServiceStats).instances[0],
    address,
    state: 'spare' as const,
    requests: 0,
    durations: [],
  }));
  const services = [{ ...book, instances: [spare[0], ...(book?.instances ?? []), spare[1]] }] as ServiceStats[];
  const rows = sorted(ratesOf({ ...look, now: 0, services: [] }, { ...look, services }), 'service');
  t.is(rows[0]?.total.state, '2 of 2 ready, 2 spare');
  const addresses = ['10.0.0.1:1', '10.0.0.2:1', '10.0.0.0:1', '10.0.0.3:1'];
  t.deepEqual(
    rows[0]?.instances.map(({ instance }) => instance),
    addresses,
  );
  const lines = screenText(rows, 'service', { rows: 24, columns: 200 }, true).split('\n');
  const dim = lines.filter((line) => line.startsWith('\x1b[2m') && line.includes('spare'));
  t.is(dim.length, 2);
});

test('a screen holds no more than the terminal has, and says what is missing', (t) => {
  const services = ratesOf(stats(1_000, 0), stats(2_000, 100));
  const text = screenText(services, 'p99', { rows: 5, columns: 40 }, true);
  const lines = stripVTControlCharacters(text).split('\n');
  t.is(lines.length, 5);
  t.true(lines.every((line) => line.length <= 40));
  t.regex(lines.at(-1) ?? '', /and 2 more lines/);
});

async function startAdmin(t: ExecutionContext): Promise<{ address: string; looks: () => number }> {
  let looks = 0;
  const server = createServer((_request, response) => {
    looks++;
    response.end(JSON.stringify(stats(1_000 * looks, 100 * looks)));
  });
  t.teardown(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, looks: () => looks };
}

const command = (admin: string, json = false) => ({
  kind: 'top' as const,
  config: { file: null, flags: {}, env: {}, cwd: '/nowhere' },
  admin,
  service: null,
  interval: 100,
  sort: 'service' as const,
  json,
});

function recorder() {
  const written = { out: '', err: '' };
  const output = {
    out: (text: string) => {
      written.out += text;
    },
    err: (text: string) => {
      written.err += text;
    },
    color: false,
  };
  return { written, output };
}

test('in a pipe top prints one table, or JSON, and ends', async (t) => {
  const { address } = await startAdmin(t);
  const plain = recorder();
  t.is(await runTop(command(address), plain.output, null, new AbortController().signal), 0);
  t.regex(plain.written.out, /^SERVICE .*\nbook .* 100 /s);
  const json = recorder();
  t.is(await runTop(command(address, true), json.output, null, new AbortController().signal), 0);
  t.like(JSON.parse(json.written.out)[1], { total: { service: 'book', requests_per_second: 100 } });
});

test('on a terminal top draws until q, and keys change what it is sorted by; the screen is given back', async (t) => {
  const { address, looks } = await startAdmin(t);
  let drawn = '';
  let press: (key: string) => void = () => {};
  let silenced = false;
  const terminal: Terminal = {
    size: () => ({ rows: 24, columns: 200 }),
    write(text) {
      drawn += text;
    },
    keys(pressed) {
      press = pressed;
      return () => {
        silenced = true;
      };
    },
  };
  const { output } = recorder();
  const done = runTop(command(address), output, terminal, new AbortController().signal);
  await eventually(() => looks() >= 3 && / 100 /.test(drawn));
  press('l');
  t.regex(drawn, /\[l p99\]/);
  press('q');
  t.is(await done, 0);
  t.true(silenced);
  t.true(drawn.endsWith('\x1b[?25h\x1b[?1049l'));
});

test('top says so when no sidecar answers', async (t) => {
  const { written, output } = recorder();
  t.is(await runTop(command('127.0.0.1:1'), output, null, new AbortController().signal), 1);
  t.regex(written.err, /no sidecar answers at 127\.0\.0\.1:1/);
});
