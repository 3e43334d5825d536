import { once } from 'node:events';
import { connect } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { startAdminServer } from '../../src/admin/admin_server.ts';
import type { AdminActions, AdminView } from '../../src/admin/admin_view.ts';
import { type Log, type LogFields, silentLog } from '../../src/base/log.ts';
import { CounterArena } from '../../src/control/counters.ts';
import { ENDPOINT, NO_RANGE, type Range } from '../../src/model/counters.ts';
import type { Explanation } from '../../src/model/explain.ts';
import { ask } from './request.ts';

const NOW = 1_700_000_000_000;

async function start(t: ExecutionContext, overrides: Partial<AdminActions & AdminView> = {}, log: Log = silentLog) {
  const done: string[] = [];
  const counters = new CounterArena(1);
  const instance = {
    id: 'a',
    address: '10.0.0.1:1',
    version: 'v1',
    weight: 1,
    zone: null,
    metadata: { token: 'never shown' },
    counters: counters.allocate(ENDPOINT.SLOTS),
  };
  const view: AdminView = {
    counters,
    services: () => [
      {
        name: 'book',
        registry: 'main',
        path: '/services/book/',
        format: 'auto',
        balance: 'round_robin',
        updatedAt: NOW - 250,
        stale: false,
        instances: [instance],
      },
    ],
    now: () => NOW,
    explain: async (request) => ({ ...EXPLANATION, service: request.authority, routed: JSON.stringify(request) }),
    tap: () => () => {},
    config: () => ({ registries: { main: { endpoints: ['http://root:hunter2@127.0.0.1:2379'], token: 'hunter2' } } }),
    ...overrides,
  };
  const actions: AdminActions = {
    setLogLevel: (level) => done.push(`level ${level}`),
    drain: () => void done.push('drain'),
    reload: async () => ({ result: 'rejected', changed: [], restart: [], problems: ['c.yaml:1:1: no'] }),
    shutdown: () => void done.push('shutdown'),
    ...overrides,
  };
  const server = await startAdminServer({ listen: '127.0.0.1:0', view, actions, log });
  t.teardown(() => server.close());
  return { server, address: server.address, done };
}

const EXPLANATION: Explanation = {
  service: null,
  routed: '',
  registry: null,
  path: null,
  updatedAt: 0,
  trouble: null,
  steps: [],
  balance: null,
  choice: null,
  next: [],
  byChance: false,
  error: null,
};

const ROUTES = [
  'GET /',
  'GET /events',
  'GET /services',
  'GET /registrations',
  'GET /explain',
  'GET /tap',
  'GET /stats',
  'GET /config',
  'POST /reload',
  'POST /log-level',
  'POST /drain',
  'POST /shutdown',
];

test('the index lists everything that can be asked for', async (t) => {
  const { address } = await start(t);
  const { status, headers, text } = await ask(address, '/');
  t.is(status, 200);
  t.is(headers['content-type'], 'text/plain; charset=utf-8');
  for (const route of ROUTES) t.true(text.includes(`\n${route} `), route);
});

test('/services tells each service and instance under the promised names', async (t) => {
  const { address } = await start(t);
  const { status, headers, text } = await ask(address, '/services');
  t.is(status, 200);
  t.is(headers['content-type'], 'application/json; charset=utf-8');
  t.is(headers['cache-control'], 'no-store');
  t.deepEqual(JSON.parse(text), [
    {
      name: 'book',
      registry: 'main',
      path: '/services/book/',
      format: 'auto',
      balance: 'round_robin',
      updated_ms_ago: 250,
      stale: false,
      instances: [
        {
          id: 'a',
          address: '10.0.0.1:1',
          version: 'v1',
          weight: 1,
          zone: null,
          state: 'connecting',
          reason: null,
          in_flight: 0,
          requests: 0,
          failures: 0,
        },
      ],
    },
  ]);
});

test('POST /reload says what became of it, and answers 422 for a config that is refused', async (t) => {
  const { address } = await start(t);
  const { status, text } = await ask(address, '/reload', { method: 'POST' });
  t.is(status, 422);
  t.deepEqual(JSON.parse(text).problems, ['c.yaml:1:1: no']);
});

test('/explain asks a data thread about a request that is described in the query', async (t) => {
  const { address } = await start(t);
  const { status, text } = await ask(address, '/explain?service=book&version=v2&path=/a/B&header=X-User:%20ann');
  t.is(status, 200);
  const { service, routed } = JSON.parse(text);
  t.is(service, 'book');
  t.deepEqual(JSON.parse(routed), {
    authority: 'book',
    path: '/a/B',
    headers: [
      ['x-version', 'v2'],
      ['x-user', 'ann'],
    ],
  });
});

test('/explain counts what a subset leaves out as registered, and has a step that takes it out', async (t) => {
  const world = new CounterArena(1);
  const record = (address: string, counters: Range) => {
    return { id: `id of ${address}`, address, version: 'v1', weight: 1, zone: null, metadata: {}, counters };
  };
  const used = [
    record('10.0.0.1:1', world.allocate(ENDPOINT.SLOTS)),
    record('10.0.0.2:1', world.allocate(ENDPOINT.SLOTS)),
  ];
  const spare = Array.from({ length: 30 }, (_, index) => record(`10.0.1.${index}:1`, NO_RANGE));
  const about = { registry: 'main', path: '', format: 'auto', balance: 'random', updatedAt: 0, stale: false };
  const step = { filter: 'registered', about: 'in registry "main"', kept: 2, removed: 0, examples: [] };
  const health = { ...step, filter: 'health', about: 'connected and well' };
  const { address } = await start(t, {
    counters: world,
    services: () => [
      { name: 'other', ...about, instances: spare },
      { name: 'book', ...about, instances: [...spare, ...used] },
      { name: 'all', ...about, instances: used },
    ],
    explain: async ({ authority: service }) => ({
      ...EXPLANATION,
      service: service === 'nobody' ? null : service,
      steps: service === 'nobody' ? [] : [step, health],
    }),
  });
  const stepsOf = async (service: string): Promise<Explanation['steps']> =>
    JSON.parse((await ask(address, `/explain?service=${service}`)).text).steps;
  const steps = await stepsOf('book');
  t.deepEqual(
    steps.map(({ filter, kept, removed }) => [filter, kept, removed]),
    [
      ['registered', 32, 0],
      ['subset', 2, 30],
      ['health', 2, 0],
    ],
  );
  t.is(steps[1]?.examples.length, 20);
  t.deepEqual(steps[1]?.examples[0], {
    instance: '10.0.1.0:1',
    version: 'v1',
    why: "not in this sidecar's subset",
  });
  t.deepEqual(await stepsOf('all'), [step, health], 'nothing is left out');
  t.deepEqual(await stepsOf('nobody'), []);
});

for (const query of [
  'path=book',
  'service=a%20b',
  'service=book&header=nonsense',
  `service=b${'&header=a:b'.repeat(51)}`,
]) {
  test(`/explain says what is wrong with ${query.slice(0, 40)}`, async (t) => {
    const { address } = await start(t);
    const { status, text } = await ask(address, `/explain?${query}`);
    t.is(status, 400);
    t.is(JSON.parse(text).error, 'bad_request');
  });
}

test('/config never tells a secret', async (t) => {
  const { address } = await start(t);
  const { text } = await ask(address, '/config');
  t.false(text.includes('hunter2'));
  t.deepEqual(JSON.parse(text), { registries: { main: { endpoints: ['http://***@127.0.0.1:2379'], token: '***' } } });
});

test('HEAD is answered like GET, without the body', async (t) => {
  const { address } = await start(t);
  const full = await ask(address, '/services');
  const head = await ask(address, '/services', { method: 'HEAD' });
  t.is(head.status, 200);
  t.is(head.headers['content-length'], full.headers['content-length']);
  t.is(head.text, '');
});

test('POST /log-level takes the level from a JSON body or from the query', async (t) => {
  const { address, done } = await start(t);
  const body = await ask(address, '/log-level', { method: 'POST', body: '{"level":"debug"}' });
  t.deepEqual([body.status, JSON.parse(body.text)], [200, { level: 'debug' }]);
  const query = await ask(address, '/log-level?level=warn', { method: 'POST' });
  t.deepEqual([query.status, JSON.parse(query.text)], [200, { level: 'warn' }]);
  t.deepEqual(done, ['level debug', 'level warn']);
});

test('a log level that does not exist is refused with the ones that do', async (t) => {
  const { address, done } = await start(t);
  for (const body of ['{"level":"loud"}', '{"level":7}', 'level=debug', '', 'null', '[]']) {
    const { status, text } = await ask(address, '/log-level', { method: 'POST', body });
    t.is(status, 400, body);
    const problem = JSON.parse(text);
    t.is(problem.error, 'bad_level');
    t.true(problem.message.includes('debug, info, warn, error'));
    t.true(problem.hint.includes(`http://${address}/log-level?level=debug`));
  }
  t.deepEqual(done, []);
});

test('a body that is too large is refused, not read', async (t) => {
  const { address, done } = await start(t);
  const { status, headers, text } = await ask(address, '/log-level', { method: 'POST', body: 'x'.repeat(70_000) });
  t.is(status, 413);
  t.is(headers.connection, 'close');
  t.is(JSON.parse(text).error, 'body_too_large');
  t.deepEqual(done, []);
});

test('POST /drain and POST /shutdown are answered before they are done', async (t) => {
  const { address, done } = await start(t);
  const drain = await ask(address, '/drain', { method: 'POST' });
  t.deepEqual([drain.status, JSON.parse(drain.text)], [202, { draining: true }]);
  const shutdown = await ask(address, '/shutdown', { method: 'POST' });
  t.deepEqual([shutdown.status, JSON.parse(shutdown.text)], [202, { shutting_down: true }]);
  while (done.length < 2) await turn();
  t.deepEqual(done, ['drain', 'shutdown']);
});

test('a shutdown that closes this very server still gets its answer out', async (t) => {
  const closed = Promise.withResolvers<void>();
  const { server, address } = await start(t, { shutdown: () => server.close().then(closed.resolve) });
  t.is((await ask(address, '/shutdown', { method: 'POST' })).status, 202);
  await closed.promise;
  await t.throwsAsync(ask(address, '/'), { code: 'ECONNREFUSED' });
});

test('an action that fails after its answer is logged', async (t) => {
  const logged = Promise.withResolvers<LogFields | undefined>();
  const log = { ...silentLog, error: (_message: string, fields?: LogFields) => logged.resolve(fields) };
  const { address } = await start(t, { drain: () => Promise.reject(new Error('no thread')) }, log);
  t.is((await ask(address, '/drain', { method: 'POST' })).status, 202);
  t.deepEqual(await logged.promise, { server: 'admin', error: 'no thread' });
});

test('what changes something cannot be reached with GET, and says how it can', async (t) => {
  const { address, done } = await start(t);
  for (const path of ['/drain', '/shutdown', '/log-level']) {
    for (const method of ['GET', 'HEAD', 'PUT']) {
      const { status, headers, text } = await ask(address, path, { method });
      t.is(status, 405);
      t.is(headers.allow, 'POST');
      if (method === 'HEAD') continue;
      t.deepEqual(JSON.parse(text), {
        error: 'method_not_allowed',
        message: `${path} answers POST, not ${method}`,
        available: ROUTES,
      });
    }
  }
  const { status, headers } = await ask(address, '/services', { method: 'DELETE' });
  t.deepEqual([status, headers.allow], [405, 'GET, HEAD']);
  t.deepEqual(done, []);
});

test('an unknown path is answered with what exists', async (t) => {
  const { address } = await start(t);
  for (const path of ['/nope', '//', '/services/', '/../etc/passwd', '/%zz']) {
    const { status, text } = await ask(address, path);
    t.is(status, 404);
    t.deepEqual(JSON.parse(text), {
      error: 'not_found',
      message: `there is no ${JSON.stringify(path)} here`,
      available: ROUTES,
    });
  }
});

test('a view that throws is a 500 with the reason, and the server goes on', async (t) => {
  const { address } = await start(t, {
    config: () => {
      throw new Error('not loaded yet');
    },
  });
  const { status, text } = await ask(address, '/config');
  t.is(status, 500);
  t.deepEqual(JSON.parse(text), { error: 'internal', message: 'not loaded yet' });
  t.is((await ask(address, '/services')).status, 200);
});

test('a host name that somebody else may own is refused, on every path', async (t) => {
  const { address, done } = await start(t);
  for (const [path, method] of [
    ['/services', 'GET'],
    ['/nope', 'GET'],
    ['/shutdown', 'POST'],
  ] as const) {
    const { status, text } = await ask(address, path, { method, headers: { host: 'evil.example:15000' } });
    t.is(status, 403);
    t.is(JSON.parse(text).error, 'host_refused');
  }
  t.is((await ask(address, '/services', { headers: { host: 'localhost:15000' } })).status, 200);
  t.deepEqual(done, []);
});

test('a web page of another origin cannot change anything', async (t) => {
  const { address, done } = await start(t);
  const refused = await ask(address, '/shutdown', { method: 'POST', headers: { origin: 'https://evil.example' } });
  t.is(refused.status, 403);
  t.is(JSON.parse(refused.text).error, 'origin_refused');
  t.deepEqual(done, []);
  const own = await ask(address, '/drain', { method: 'POST', headers: { origin: `http://${address}` } });
  t.is(own.status, 202);
});

test('close ends idle keep-alive connections and half-sent requests', async (t) => {
  const { server, address } = await start(t);
  const port = Number(address.split(':')[1]);
  const idle = connect(port, '127.0.0.1');
  const half = connect(port, '127.0.0.1');
  idle.write('GET /services HTTP/1.1\r\nhost: localhost\r\n\r\n');
  half.write('POST /log-level HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\n{');
  await once(idle, 'data');
  const ended = [idle, half].map((socket) => {
    socket.on('error', () => {});
    socket.resume();
    return new Promise((resolve) => socket.once('close', resolve));
  });
  await server.close();
  await Promise.all(ended);
  t.pass();
});
