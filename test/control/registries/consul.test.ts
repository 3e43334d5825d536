import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TlsOptions } from 'node:tls';
import test from 'ava';
import { systemClock } from '../../../src/base/clock.ts';
import type { ConsulOptions } from '../../../src/config/registry_options.ts';
import { openConsulRegistry } from '../../../src/control/registries/consul/registry.ts';
import { CONSUL_TIMING, type ConsulTiming } from '../../../src/control/registries/consul/timing.ts';
import type { Registry } from '../../../src/control/registries/registry.ts';
import { Authority } from '../../support/certificates.ts';
import { eventually } from '../../support/eventually.ts';
import { type RecordingListener, recordingListener } from '../../support/recording_listener.ts';
import { present } from '../../support/requires.ts';
import { consulEntry, type ScriptedConsul, startScriptedConsul } from '../../support/scripted_consul.ts';

const directory = mkdtempSync(join(tmpdir(), 'outrigger-consul-test-'));
const closers: (() => unknown)[] = [];
test.afterEach.always(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});
test.after.always(() => rmSync(directory, { recursive: true, force: true }));

/** Quick, so that a test sees several rounds; what is not under test is far away. */
const QUICK: ConsulTiming = { ...CONSUL_TIMING, refill: 20, wait: 60_000 };
const query = (path = 'book') => ({ service: 'book', path, format: 'auto' });

async function start(script: ScriptedConsul['script'], tls?: TlsOptions): Promise<ScriptedConsul> {
  const consul = await startScriptedConsul(script, tls);
  closers.push(() => consul.close());
  return consul;
}

function open(
  consul: ScriptedConsul,
  options: Partial<ConsulOptions> = {},
  timing: Partial<ConsulTiming> = {},
): Registry {
  const registry = openConsulRegistry(
    'agent',
    { type: 'consul', address: consul.address, health: 'passing', consistency: 'default', ...options },
    systemClock,
    { ...QUICK, ...timing },
  );
  closers.push(() => registry.close());
  return registry;
}

function watch(registry: Registry, path?: string): RecordingListener {
  const listener = recordingListener();
  registry.watch(query(path), listener);
  return listener;
}

const errorOf = (listener: RecordingListener) => eventually(() => listener.errors.at(-1) ?? false);

test.serial('the first question is not held, the next ones carry the index of the answer before and are', async (t) => {
  const consul = await start((_, number) => (number <= 2 ? { index: number * 10, body: [consulEntry(1)] } : 'silence'));
  watch(open(consul));
  await eventually(() => consul.questions.length === 3);
  t.deepEqual(
    consul.questions.map(({ parameters }) => [parameters.get('index'), parameters.get('wait')]),
    [
      [null, null],
      ['10', '60000ms'],
      ['20', '60000ms'],
    ],
  );
});

test.serial('an index that goes backwards makes the next question start anew', async (t) => {
  const indexes = [50, 20, 20];
  const consul = await start((_, number) => {
    const index = indexes[number - 1];
    return index === undefined ? 'silence' : { index, body: [consulEntry(number)] };
  });
  const listener = watch(open(consul));
  await eventually(() => consul.questions.length === 4);
  t.deepEqual(
    consul.questions.map(({ parameters }) => parameters.get('index')),
    [null, '50', null, '20'],
  );
  t.deepEqual(listener.errors, []);
  t.deepEqual(listener.addresses(), ['127.0.0.1:3'], 'the answer itself counts');
});

test.serial('an index of 0 is asked with as 1: 0 would mean "do not hold"', async (t) => {
  const consul = await start((_, number) => (number === 1 ? { index: 0, body: [consulEntry(1)] } : 'silence'));
  watch(open(consul));
  await eventually(() => consul.questions.length === 2);
  t.is(consul.questions[1]?.parameters.get('index'), '1');
});

test.serial('a service that changes all the time is asked for at a bounded rate, after two at once', async (t) => {
  const consul = await start((_, number) => ({ index: number, body: [consulEntry(number)] }));
  watch(open(consul, {}, { refill: 100 }));
  await eventually(() => consul.questions.length >= 8);
  const first = consul.questions[0]?.at ?? 0;
  const eighth = consul.questions[7]?.at ?? 0;
  // Two from the start, six that each wait for a token: the machine can only make it take longer.
  t.true(eighth - first >= 550, `8 questions in ${(eighth - first).toFixed(0)} ms`);
});

test.serial(
  'Consul that takes the question and never answers is given up after the wait, a sixteenth and the margin',
  async (t) => {
    const consul = await start((_, number) => (number === 1 ? { index: 5, body: [consulEntry(1)] } : 'silence'));
    const startedAt = performance.now();
    const listener = watch(open(consul, {}, { wait: 320, request: 100 }));
    const error = await errorOf(listener);
    t.is(error.code, 'consul_timeout');
    t.regex(error.message, /registry "agent" \(consul at http:.*\): asking for book: no answer within 440 ms/);
    t.true(performance.now() - startedAt >= 430);
    t.deepEqual(listener.addresses(), ['127.0.0.1:1'], 'the set is kept');
  },
);

test.serial('after an error the first question is not held, so that what is true now is known at once', async (t) => {
  const consul = await start((_, number) => {
    if (number === 1) return { index: 7, body: [consulEntry(1)] };
    if (number === 2) return { status: 500, body: 'No cluster leader' };
    return number === 3 ? { index: 7, body: [consulEntry(2)] } : 'silence';
  });
  const listener = watch(open(consul));
  await eventually(() => consul.questions.length === 4);
  t.is(listener.errors[0]?.code, 'consul_no_leader');
  t.deepEqual(
    consul.questions.map(({ parameters }) => parameters.get('index')),
    [null, '7', null, '7'],
  );
  t.deepEqual(listener.addresses(), ['127.0.0.1:2']);
});

test.serial('nothing but errors: the set is kept, and the attempts are jittered and few', async (t) => {
  const consul = await start((_, number) =>
    number === 1 ? { index: 7, body: [consulEntry(1)] } : { status: 500, body: 'No cluster leader' },
  );
  const registry = open(consul);
  const many = Array.from({ length: 50 }, (_, at) => watch(registry, `book${at}`));
  const book = watch(registry);
  await eventually(() => many.every(({ errors }) => errors.length > 0));
  const before = consul.questions.length;
  const since = performance.now();
  await eventually(() => performance.now() - since > 1_500);
  // One of all knocks at a time: 200 ms at most before the first attempt, 1.5 s at most before the later ones.
  t.true(consul.questions.length - before <= 40, `${consul.questions.length - before} questions for 51 services`);
  t.true(book.answers.every(({ instances }) => instances.length > 0));
});

for (const [title, headers, body] of [
  ['the header of newer servers says so', { 'x-consul-results-filtered-by-acls': 'true' }, null],
  ['the decision about the service says so', {}, [{ Resource: 'service', Allow: false }]],
  [
    'the decision about the node says so',
    {},
    [
      { Resource: 'service', Allow: true },
      { Resource: 'node', Allow: false },
    ],
  ],
] as const) {
  test.serial(
    `an empty answer behind which ACLs hide something is a permission problem, and empties nothing: ${title}`,
    async (t) => {
      let hidden = false;
      const consul = await start(({ path }, number) => {
        if (path === '/v1/internal/acl/authorize') return { body };
        if (hidden) return { index: 9, headers, body: [] };
        return number === 1 ? { index: 8, body: [consulEntry(1)] } : { index: 9, body: [consulEntry(1)] };
      });
      const listener = watch(open(consul));
      await eventually(() => listener.answers.length >= 2);
      hidden = true;
      const error = await errorOf(listener);
      t.is(error.code, 'consul_permission');
      t.regex(error.message, /ACLs/);
      t.regex(error.hint ?? '', /service:read/);
      t.deepEqual(listener.addresses(), ['127.0.0.1:1']);
      hidden = false;
      await eventually(() => listener.last === 'set');
      t.true(listener.answers.every(({ instances }) => instances.length === 1));
    },
  );
}

test.serial('an empty answer that no ACL explains is the truth', async (t) => {
  for (const authorize of [
    { status: 401, body: 'ACL support disabled' },
    { status: 404, body: '' },
    { body: [{ Resource: 'service', Allow: true }] },
  ]) {
    const consul = await start(({ path }, number) => {
      if (path === '/v1/internal/acl/authorize') return authorize;
      return number > 2 ? 'silence' : { index: number, body: number === 1 ? [consulEntry(1)] : [] };
    });
    const listener = watch(open(consul));
    await eventually(() => listener.addresses()?.length === 0);
    t.deepEqual(listener.errors, []);
  }
});

test.serial('an empty answer from a server that knows no leader proves nothing', async (t) => {
  const consul = await start((_, number) =>
    number === 1
      ? { index: 8, body: [consulEntry(1)] }
      : { index: 8, body: [], headers: { 'x-consul-knownleader': 'false' } },
  );
  const listener = watch(open(consul, { consistency: 'stale' }));
  t.is((await errorOf(listener)).code, 'consul_no_leader');
  t.deepEqual(listener.addresses(), ['127.0.0.1:1']);
  t.is(consul.questions[0]?.parameters.get('stale'), '1');
});

for (const [title, answer, code] of [
  ['malformed JSON', { body: '[{"Node": ' }, 'consul_protocol'],
  ['JSON that is no list', { body: { error: 'x' } }, 'consul_protocol'],
  ['no X-Consul-Index', { index: null, body: [] }, 'consul_protocol'],
  ['an index that is no number', { index: 'abc', body: [] }, 'consul_protocol'],
  ['half an answer', { body: [consulEntry(1), consulEntry(2)], half: true }, 'consul_unavailable'],
  ['a redirection', { status: 301, body: 'moved' }, 'consul_protocol'],
  ['a page that is not there', { status: 404, body: 'not found' }, 'consul_protocol'],
  ['a token that Consul does not know', { status: 403, body: 'ACL not found' }, 'consul_token'],
  ['a token that may not', { status: 403, body: 'Permission denied' }, 'consul_permission'],
  ['a datacenter that there is not', { status: 500, body: 'No path to datacenter' }, 'consul_datacenter'],
  ['a bad filter', { status: 500, body: 'Failed to create boolean expression evaluator: 1:7' }, 'consul_query'],
  [
    'a namespace without Enterprise',
    { status: 400, body: 'Bad request: Invalid query parameter: "ns"' },
    'consul_query',
  ],
  ['anything else', { status: 500, body: 'rpc error making call: EOF' }, 'consul_failed'],
] as const) {
  test.serial(`${title} is an error with a code and a hint, and the set is kept`, async (t) => {
    const consul = await start((_, number) => (number === 1 ? { index: 3, body: [consulEntry(9)] } : answer));
    const listener = watch(open(consul));
    const error = await errorOf(listener);
    t.is(error.code, code, error.message);
    t.not(error.hint, null);
    t.deepEqual(listener.addresses(), ['127.0.0.1:9']);
  });
}

test.serial('an answer of 10 MB is read; one beyond the bound is an error, and its octets are not kept', async (t) => {
  const big = Array.from({ length: 6_000 }, (_, at) =>
    consulEntry(at + 1, { service: { Meta: { note: 'x'.repeat(1_500) } } }),
  );
  const consul = await start((_, number) => (number === 1 ? { index: 2, body: big } : 'silence'));
  const listener = watch(open(consul));
  await eventually(() => listener.addresses()?.length === 6_000);
  const small = watch(open(consul, {}, { maxAnswer: 1_000_000 }));
  consul.script = () => ({ index: 2, body: big });
  const error = await errorOf(small);
  t.is(error.code, 'consul_too_long');
  t.regex(error.message, /longer than 1000000 octets/);
});

test.serial('a storm of errors of one question leaves the others alone', async (t) => {
  const consul = await start(({ path }, number) => {
    if (path.endsWith('/bad')) return { status: 500, body: 'No path to datacenter' };
    return { index: number, body: [consulEntry(1)] };
  });
  const registry = open(consul);
  const [bad, good] = [watch(registry, 'bad'), watch(registry)];
  await eventually(() => bad.errors.length >= 2);
  const told = good.answers.length;
  await eventually(() => good.answers.length >= told + 3);
  t.deepEqual(good.errors, []);
});

test.serial(
  'those who ask the same thing share one question, however they write it; the last to leave ends it',
  async (t) => {
    const consul = await start((_, number) => (number === 1 ? { index: 2, body: [consulEntry(1)] } : 'silence'));
    const registry = open(consul);
    const [one, other] = [recordingListener(), recordingListener()];
    const first = registry.watch(query('book?tag=a&tag=b&dc=dc1'), one);
    const second = registry.watch(query(`consul://127.0.0.1:${consul.port}/book?dc=dc1&tag=b&tag=a`), other);
    await eventually(() => one.last === 'set' && other.last === 'set');
    await eventually(() => consul.questions.length === 2);
    await first.close();
    const third = recordingListener();
    registry.watch(query('book?dc=dc1&tag=b&tag=a'), third);
    await eventually(() => third.last === 'set');
    t.is(consul.questions.length, 2);
    await second.close();
  },
);

test.serial(
  'more services than questions may be open take turns: each is told, none fails, and the bound holds',
  async (t) => {
    const entries = new Map<string, number>();
    const consul = await start(({ path, parameters }) =>
      parameters.has('index') && entries.get(path) === undefined
        ? 'silence'
        : { index: 5, body: [consulEntry(entries.get(path) ?? 1)] },
    );
    const registry = open(consul, {}, { mostOpen: 2, leastHeld: 30 });
    const listeners = Array.from({ length: 6 }, (_, at) => watch(registry, `book${at}`));
    await eventually(() => listeners.every(({ last }) => last === 'set'));
    // A change of the one that was asked first: it has its turn again, though four others hold theirs in between.
    entries.set('/v1/health/service/book0', 2);
    await eventually(() => listeners[0]?.addresses()?.[0] === '127.0.0.1:2');
    t.true(listeners.every(({ errors }) => errors.length === 0));
    t.true(consul.mostOpen < listeners.length, `${consul.mostOpen} connections`);
    t.true(
      consul.questions.every(({ parameters }) => !parameters.has('index') || parameters.get('index') === '5'),
      'what gave way is asked again with the same index',
    );
  },
);

test.serial('the names of all services are listed, in the datacenter of the config', async (t) => {
  const consul = await start(() => ({ body: { consul: [], book: ['v1'] } }));
  t.deepEqual(await open(consul, { datacenter: 'dc2' }).names?.(), ['book', 'consul']);
  t.is(consul.asked[0]?.path, '/v1/catalog/services');
  t.is(consul.asked[0]?.parameters.get('dc'), 'dc2');
  consul.script = () => ({ status: 403, body: 'ACL not found' });
  t.like(await t.throwsAsync(async () => open(consul).names?.()), { code: 'consul_token' });
});

if (present('openssl')) {
  test.serial(
    'TLS: the authority, the own certificate and the name are those of the config, read again when they change',
    async (t) => {
      const authority = new Authority();
      const server = authority.issue({ names: ['DNS:server.dc1.consul'] });
      const client = authority.issue();
      const consul = await start((_, number) => ({ index: number, body: [consulEntry(number)] }), {
        cert: readFileSync(server.cert),
        key: readFileSync(server.key),
        ca: readFileSync(authority.ca),
        requestCert: true,
        rejectUnauthorized: true,
      });
      const serverName = 'server.dc1.consul';
      const listener = watch(open(consul, { tls: { ca: authority.ca, ...client, serverName } }));
      await eventually(() => listener.last === 'set');
      for (const [tls, says] of [
        [{ ca: authority.ca, ...client }, /altnames|Hostname/],
        [{ ...client, serverName }, /certificate/],
        [{ ca: authority.ca, serverName }, /certificate/],
        [{ ca: join(directory, 'none.pem') }, /tls\.ca: cannot read/],
      ] as const) {
        const error = await errorOf(watch(open(consul, { tls })));
        t.is(error.code, 'consul_tls', error.message);
        t.regex(error.message, says);
      }
      // What is wrong is mended in place: nobody has to restart anything.
      const ca = join(directory, 'ca.pem');
      writeFileSync(ca, readFileSync(new Authority('Another').ca));
      const late = watch(open(consul, { tls: { ca, ...client, serverName } }));
      await errorOf(late);
      writeFileSync(ca, readFileSync(authority.ca));
      await eventually(() => late.last === 'set');
      const plain = await errorOf(watch(open(consul, { address: `http://127.0.0.1:${consul.port}` })));
      t.regex(plain.hint ?? '', /Consul agent|https:/);
    },
  );
}

test.serial('what a path says is asked; what it leaves open the registry decides', async (t) => {
  const consul = await start(() => 'silence');
  const registry = open(consul, {
    datacenter: 'dc2',
    namespace: 'team',
    partition: 'p1',
    consistency: 'stale',
    token: 's',
  });
  watch(registry, 'shop/book?tag=v2&tag=eu&near=_agent&filter=Service.Meta.env == "prod"');
  watch(registry, 'book?dc=dc9&ns=other&consistent&healthy=false&tag=');
  await eventually(() => consul.questions.length === 2);
  const [own, other] = ['shop/book', 'book'].map((name) =>
    consul.questions.find(({ path }) => path === `/v1/health/service/${name}`),
  );
  t.is(own?.token, 's');
  t.deepEqual(own?.parameters.getAll('tag'), ['eu', 'v2']);
  own?.parameters.delete('tag');
  t.deepEqual(Object.fromEntries(own?.parameters ?? []), {
    passing: '1',
    dc: 'dc2',
    near: '_agent',
    filter: 'Service.Meta.env == "prod"',
    ns: 'team',
    partition: 'p1',
    stale: '1',
  });
  t.deepEqual(Object.fromEntries(other?.parameters ?? []), {
    dc: 'dc9',
    ns: 'other',
    partition: 'p1',
    consistent: '1',
  });
});

test.serial('a token file is read again before each question', async (t) => {
  const tokenFile = join(directory, 'token');
  writeFileSync(tokenFile, 'first\n');
  const consul = await start(({ token }, number) => {
    if (token === 'second') return { index: 99, body: [consulEntry(2)] };
    return number === 1 ? { index: 1, body: [consulEntry(1)] } : { status: 403, body: 'ACL not found' };
  });
  const listener = watch(open(consul, { tokenFile }));
  const error = await errorOf(listener);
  t.is(error.code, 'consul_token');
  t.notRegex(error.message + error.hint, /first/, 'the token itself is never told');
  writeFileSync(tokenFile, 'second');
  await eventually(() => listener.addresses()?.[0] === '127.0.0.1:2');
  t.is(consul.questions[0]?.token, 'first');
});

test.serial('a token file that cannot be read is an error that names it', async (t) => {
  const consul = await start(() => 'silence');
  const listener = watch(open(consul, { tokenFile: join(directory, 'none') }));
  const error = await errorOf(listener);
  t.is(error.code, 'consul_token_file');
  t.regex(error.message, /token_file: cannot read .*none/);
});

test.serial('a path that names no service, or a secret, is an error and is not asked', async (t) => {
  const consul = await start(() => 'silence');
  const registry = open(consul);
  const listener = watch(registry, 'consul://me:secret@127.0.0.1/book');
  t.is((await errorOf(listener)).code, 'consul_path');
  t.is((await errorOf(watch(registry, '?tag=x'))).code, 'consul_path');
  t.deepEqual(consul.asked, []);
});

test.serial(
  'a check asks once, with the datacenter of the path, and knows denial of one service from a token nobody knows',
  async (t) => {
    let answer: object = { index: 1, body: [] };
    const consul = await start(() => answer);
    const registry = open(consul);
    t.is(await registry.check(''), null);
    t.is(await registry.check('{service}?dc=dc7'), null);
    t.deepEqual(
      consul.asked.map(({ path, parameters }) => [path, parameters.get('dc')]),
      [
        ['/v1/health/service/consul', null],
        ['/v1/health/service/consul', 'dc7'],
      ],
    );
    answer = { status: 403, body: 'Permission denied' };
    t.is(await registry.check('book'), null);
    answer = { status: 403, body: 'ACL not found' };
    t.is((await registry.check('book'))?.code, 'consul_token');
    answer = { status: 500, body: 'No path to datacenter' };
    t.is((await registry.check('book?dc=dc7'))?.code, 'consul_datacenter');
    answer = { status: 200, index: null, body: '<html>' };
    t.is((await registry.check(''))?.code, 'consul_protocol');
    await consul.close();
    const away = await registry.check('');
    t.is(away?.code, 'consul_unavailable');
    t.regex(away?.hint ?? '', /8500/);
  },
);
