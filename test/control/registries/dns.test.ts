import test, { type ExecutionContext } from 'ava';
import type { DnsOptions } from '../../../src/config/dns_options.ts';
import { parseDnsPath } from '../../../src/config/dns_path.ts';
import { openDnsRegistry } from '../../../src/control/registries/dns/registry.ts';
import type { Registry } from '../../../src/control/registries/registry.ts';
import { type DnsRecord, type DnsServer, startDnsServer } from '../../support/dns_server.ts';
import { eventually } from '../../support/eventually.ts';
import { type ManualClock, manualClock } from '../../support/manual_clock.ts';
import { type RecordingListener, recordingListener } from '../../support/recording_listener.ts';

interface World {
  readonly server: DnsServer;
  readonly registry: Registry;
  readonly clock: ManualClock;
  follow(path: string): RecordingListener;
}

const PATIENT = { family: 'auto', minTtl: 1_000, maxTtl: 30_000, timeout: 5_000 } as const;

/** A registry whose clock stands still: names are resolved again only when the test moves it. */
async function setUp(t: ExecutionContext, zone: DnsServer['zone'], options: Partial<DnsOptions> = {}): Promise<World> {
  const server = await startDnsServer(zone);
  const clock = manualClock();
  const registry = openDnsRegistry('names', { type: 'dns', servers: [server.address], ...PATIENT, ...options }, clock);
  t.teardown(async () => {
    await registry.close();
    await server.stop();
    if (clock.pending > 0) throw new Error(`${clock.pending} timers are left`);
  });
  const follow = (path: string): RecordingListener => {
    const listener = recordingListener();
    registry.watch({ service: 'book', path, format: 'auto' }, listener);
    return listener;
  };
  return { server, registry, clock, follow };
}

const a = (address: string, ttl = 10): DnsRecord => ({ type: 'A', address, ttl });
const aaaa = (address: string, ttl = 10): DnsRecord => ({ type: 'AAAA', address, ttl });
const srv = (target: string, port: number, more: { priority?: number; weight?: number } = {}): DnsRecord => ({
  type: 'SRV',
  target,
  port,
  ...more,
});

/** Waits until `count` answers and errors came, and the registry waits to ask again. */
const told = ({ answers, errors }: RecordingListener, clock: ManualClock, count: number): Promise<unknown> =>
  eventually(() => answers.length + errors.length === count && clock.pending === 1);

test('a path is host:port or the name of SRV records, perhaps with a version, or several', (t) => {
  t.deepEqual(parseDnsPath('book.internal:50051'), [{ name: 'book.internal', port: 50051, version: null }]);
  t.deepEqual(parseDnsPath('_grpc._tcp.book.internal@v2, b:1@v1'), [
    { name: '_grpc._tcp.book.internal', port: null, version: 'v2' },
    { name: 'b', port: 1, version: 'v1' },
  ]);
  for (const path of [
    '',
    'book',
    'book:0',
    'book:1@',
    'book:1@a@b',
    '10.0.0.1:1',
    '[::1]:1',
    '_grpc._tcp',
    '/a/',
    'unix:/x',
  ])
    t.is(parseDnsPath(path), null, path);
});

test('each address of a host is an instance', async (t) => {
  const { follow } = await setUp(t, { 'book.internal': [a('10.0.0.1'), a('10.0.0.2')] });
  const listener = follow('book.internal:50051');
  await eventually(() => listener.last === 'set');
  t.deepEqual(listener.addresses(), ['10.0.0.1:50051', '10.0.0.2:50051']);
  t.deepEqual(
    listener.answers[0]?.instances.find(({ id }) => id === '10.0.0.1:50051'),
    {
      id: '10.0.0.1:50051',
      address: '10.0.0.1:50051',
      version: null,
      weight: 1,
      zone: null,
      metadata: { host: 'book.internal' },
    },
  );
});

test('a name is resolved again when its TTL is over, within the bounds of the config', async (t) => {
  for (const [ttl, expected] of [
    [10, 10_000],
    [0, 1_000],
    [3_600, 30_000],
  ] as const) {
    const { server, follow, clock } = await setUp(t, { 'book.internal': [a('10.0.0.1', ttl), a('10.0.0.2', 3_600)] });
    const listener = follow('book.internal:1');
    await told(listener, clock, 1);
    server.zone = { 'book.internal': [a('10.0.0.3')] };
    clock.advance(expected - 1);
    t.is(clock.pending, 1, `TTL ${ttl}: not before`);
    clock.advance(1);
    await told(listener, clock, 2);
    t.deepEqual(listener.addresses(), ['10.0.0.3:1']);
  }
});

test('queries for one path share the questions', async (t) => {
  const { server, follow, clock } = await setUp(t, { 'book.internal': [a('10.0.0.1')] });
  const listeners = [follow('book.internal:1'), follow('book.internal:1')];
  await eventually(() => listeners.every(({ last }) => last === 'set'));
  clock.advance(10_000);
  await eventually(() => listeners.every(({ answers }) => answers.length === 2));
  t.deepEqual(server.questions, ['book.internal A', 'book.internal A']);
});

test('a host with addresses of both families is not counted twice, unless both are asked for', async (t) => {
  const zone = { both: [a('10.0.0.1'), aaaa('fd00::1')], six: [aaaa('fd00::2')] };
  const found = async (family: DnsOptions['family'], path: string) => {
    const { follow } = await setUp(t, zone, { family });
    const listener = follow(path);
    await eventually(() => listener.last === 'set');
    return listener.addresses();
  };
  t.deepEqual(await found('auto', 'both:1'), ['10.0.0.1:1']);
  t.deepEqual(await found('auto', 'six:1'), ['[fd00::2]:1']);
  t.deepEqual(await found('ipv4', 'six:1'), []);
  t.deepEqual(await found('ipv6', 'both:1'), ['[fd00::1]:1']);
  t.deepEqual(await found('both', 'both:1'), ['10.0.0.1:1', '[fd00::1]:1']);
});

test('a name that is gone, or has no addresses any more, is an empty set; names without records are asked for again', async (t) => {
  const { server, follow, clock } = await setUp(t, { 'book.internal': [a('10.0.0.1')] });
  const listener = follow('book.internal:1');
  await told(listener, clock, 1);
  server.zone = {};
  clock.advance(10_000);
  await told(listener, clock, 2);
  t.deepEqual(listener.addresses(), []);
  server.zone = { 'book.internal': [a('10.0.0.2')] };
  clock.advance(5_000);
  await told(listener, clock, 3);
  server.zone = { 'book.internal': [] };
  clock.advance(10_000);
  await told(listener, clock, 4);
  t.deepEqual(listener.addresses(), []);
  t.deepEqual(listener.errors, []);
});

for (const [what, trouble, code] of [
  ['SERVFAIL', 2, 'dns_servfail'],
  ['REFUSED', 5, 'dns_refused'],
] as const) {
  test(`${what} is an error with a hint, and keeps the set until there is an answer`, async (t) => {
    const { server, follow, clock, registry } = await setUp(t, { 'book.internal': [a('10.0.0.1')] });
    const listener = follow('book.internal:1');
    await told(listener, clock, 1);
    server.trouble.set('book.internal', trouble);
    clock.advance(10_000);
    await told(listener, clock, 2);
    t.is(listener.errors[0]?.code, code);
    t.regex(listener.errors[0]?.message ?? '', /^registry "names" \(dns at 127\.0\.0\.1:\d+\): .*book\.internal$/);
    t.regex(listener.errors[0]?.hint ?? '', /last known instances stay/);
    t.deepEqual(listener.addresses(), ['10.0.0.1:1']);
    t.is(registry.stats.errors[code], 1);
    server.trouble.clear();
    clock.advance(1_000);
    await told(listener, clock, 3);
    t.is(listener.last, 'set');
  });
}

test('a server that is not there is an error at once', async (t) => {
  const { server, follow, registry, clock } = await setUp(t, {}, { timeout: 500 });
  await server.stop();
  const listener = follow('book.internal:1');
  await told(listener, clock, 1);
  t.regex(listener.errors[0]?.code ?? '', /^dns_(unavailable|timeout)$/);
  t.regex((await registry.check(''))?.code ?? '', /^dns_(unavailable|timeout)$/);
});

test('the second server is asked when the first is silent', async (t) => {
  const silent = await startDnsServer();
  silent.trouble.set('*', 'silence');
  t.teardown(silent.stop);
  const second = await startDnsServer({ 'book.internal': [a('10.0.0.1')] });
  t.teardown(second.stop);
  const { follow } = await setUp(t, {}, { servers: [silent.address, second.address], timeout: 100 });
  const listener = follow('book.internal:1');
  await eventually(() => listener.last === 'set');
  t.deepEqual(listener.addresses(), ['10.0.0.1:1']);
  t.true(silent.questions.length > 0);
});

test('SRV records give port and weight, and their targets the addresses', async (t) => {
  const { follow } = await setUp(t, {
    '_grpc._tcp.book.internal': [srv('a.internal', 1, { weight: 5 }), srv('b.internal', 2, { weight: 0 })],
    'a.internal': [a('10.0.0.1'), a('10.0.0.2')],
    'b.internal': [aaaa('fd00::1')],
  });
  const listener = follow('_grpc._tcp.book.internal@v2');
  await eventually(() => listener.last === 'set');
  const found = listener.answers[0]?.instances.map(({ id, address, weight, version }) => [
    id,
    address,
    weight,
    version,
  ]);
  t.deepEqual(found?.sort(), [
    ['a.internal:1', '10.0.0.1:1', 5, 'v2'],
    ['a.internal:1', '10.0.0.2:1', 5, 'v2'],
    ['b.internal:2', '[fd00::1]:2', 0.01, 'v2'],
  ]);
});

test('weights that are all 0 are all alike', async (t) => {
  const { follow } = await setUp(t, {
    '_grpc._tcp.book': [srv('a', 1), srv('a', 2)],
    a: [a('10.0.0.1')],
  });
  const listener = follow('_grpc._tcp.book');
  await eventually(() => listener.last === 'set');
  t.deepEqual(
    listener.answers[0]?.instances.map(({ weight }) => weight),
    [1, 1],
  );
});

test('only the lowest priority that has instances is used', async (t) => {
  const { server, follow, clock } = await setUp(t, {
    '_grpc._tcp.book': [srv('second', 2, { priority: 20 }), srv('first', 1, { priority: 10 })],
    first: [a('10.0.0.1')],
    second: [a('10.0.0.2')],
  });
  const listener = follow('_grpc._tcp.book');
  await told(listener, clock, 1);
  t.deepEqual(listener.addresses(), ['10.0.0.1:1']);
  const { first: _, ...rest } = server.zone;
  server.zone = rest;
  clock.advance(10_000);
  await told(listener, clock, 2);
  t.deepEqual(listener.addresses(), ['10.0.0.2:2']);
});

test('a target of "." says that there is nobody', async (t) => {
  const { follow } = await setUp(t, { '_grpc._tcp.book': [srv('.', 1)] });
  const listener = follow('_grpc._tcp.book');
  await eventually(() => listener.last === 'set');
  t.deepEqual(listener.answers, [{ instances: [], bad: [] }]);
});

test('a target that cannot be resolved keeps the addresses it had; one never seen is a bad record beside the others', async (t) => {
  const { server, follow, clock } = await setUp(t, {
    '_grpc._tcp.book': [srv('a', 1), srv('b', 2)],
    a: [a('10.0.0.1')],
    b: [a('10.0.0.2')],
  });
  server.trouble.set('b', 2);
  const listener = follow('_grpc._tcp.book');
  await told(listener, clock, 1);
  t.deepEqual(listener.addresses(), ['10.0.0.1:1']);
  t.regex(listener.answers[0]?.bad[0]?.problem ?? '', /^has a target that cannot be resolved: .*ESERVFAIL/);
  server.trouble.clear();
  clock.advance(10_000);
  await told(listener, clock, 2);
  t.deepEqual(listener.addresses(), ['10.0.0.1:1', '10.0.0.2:2']);
  server.trouble.set('b', 2);
  clock.advance(10_000);
  await told(listener, clock, 3);
  t.deepEqual(listener.addresses(), ['10.0.0.1:1', '10.0.0.2:2']);
  t.is(listener.last, 'set');
});

test('targets of which none can be resolved are an error, and not the turn of the next priority', async (t) => {
  const { server, follow, clock } = await setUp(t, {
    '_grpc._tcp.book': [srv('a', 1, { priority: 1 }), srv('b', 2, { priority: 2 })],
    b: [a('10.0.0.2')],
  });
  server.trouble.set('a', 2);
  const listener = follow('_grpc._tcp.book');
  await told(listener, clock, 1);
  t.is(listener.errors[0]?.code, 'dns_servfail');
});

test('an answer too long for a datagram is fetched over TCP', async (t) => {
  const records = Array.from({ length: 300 }, (_, i) => a(`10.0.${i >> 8}.${i & 255}`));
  const { server, follow } = await setUp(t, { 'book.internal': records });
  const listener = follow('book.internal:1');
  await eventually(() => listener.last === 'set');
  t.is(listener.answers[0]?.instances.length, 300);
  t.is(server.overTcp, 1);
});

test('a check is content with any answer, also with a no', async (t) => {
  const { server, registry } = await setUp(t, {});
  t.is(await registry.check(''), null);
  server.trouble.set('*', 5);
  t.is(await registry.check(''), null);
  t.deepEqual(registry.stats.errors, {});
});

test('a path that is none is one error that says how to write it', async (t) => {
  const { follow } = await setUp(t, {});
  const listener = follow('book');
  const error = await eventually(() => listener.errors[0] ?? false);
  t.is(error.code, 'dns_path');
  t.regex(error.hint ?? '', /host:port/);
});
