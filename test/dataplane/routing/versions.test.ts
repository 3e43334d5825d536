import test, { type ExecutionContext } from 'ava';
import { eventually } from '../../support/eventually.ts';
import { type Plane, startPlane } from '../../support/plane.ts';
import { type App, startApp } from '../../support/plane_app.ts';
import { type Instance, startInstance } from '../../support/plane_instance.ts';
import { serviceSettings } from '../../support/service_settings.ts';

const DEBUG = ['x-outrigger-debug', '1'];

/** A service with an instance for each entry, in a plane with an app. */
async function serve(
  t: ExecutionContext<unknown>,
  instances: readonly { version?: string; zone?: string; metadata?: Record<string, string>; methods?: object }[],
  keys: Readonly<Record<string, unknown>> = {},
) {
  const plane = await startPlane(t);
  const servers: Instance[] = [];
  for (const _ of instances) servers.push(await startInstance(t));
  const registered = instances.map((instance, index) => ({
    ...instance,
    address: (servers[index] as Instance).address,
  }));
  await plane.serve('shop', registered as Parameters<Plane['serve']>[1], serviceSettings(keys));
  const app = await startApp(t, plane);
  return { plane, app, servers, registered };
}

/** The version that answers, or the error. */
async function ask(app: App, headers: readonly string[] = [], path?: string): Promise<string> {
  const call = app.call('shop', { headers: [...DEBUG, ...headers], ...(path === undefined ? {} : { path }) });
  const outcome = await call.ended();
  return outcome === '0' ? (call.field('x-outrigger-version') ?? '') : `${outcome}: ${call.message}`;
}

const THREE = [{ version: 'v1' }, { version: 'v2' }, { version: 'v3' }];

test('a list takes the first version that has a ready instance, * any, and a name that version alone', async (t) => {
  const { app } = await serve(t, THREE);
  t.is(await ask(app, ['x-version', 'v2']), 'v2');
  t.is(await ask(app, ['x-version', 'v9, v3, v1']), 'v3');
  const any = new Set<string>();
  for (let i = 0; i < 6; i++) any.add(await ask(app, ['x-version', '*']));
  t.is(any.size, 3);
  t.regex(await ask(app, ['x-version', 'v9']), /no_version: no match found conn: .*"v9" \(v1: 1, v2: 1, v3: 1\)/);
});

test('ranges choose among semantic versions, with or without a v before them', async (t) => {
  const { app } = await serve(t, [
    { version: 'v1.2.0' },
    { version: '1.4.1' },
    { version: '2.0' },
    { version: 'edge' },
  ]);
  const seen = new Set<string>();
  for (let i = 0; i < 6; i++) seen.add(await ask(app, ['x-version', '^1.2']));
  t.deepEqual([...seen].sort(), ['1.4.1', 'v1.2.0']);
  t.is(await ask(app, ['x-version', '>=2']), '2.0');
  t.is(await ask(app, ['x-version', '^3, edge']), 'edge');
});

test('a header of 10 KB names no version, and costs an error that is short', async (t) => {
  const { app } = await serve(t, THREE);
  const answer = await ask(app, ['x-version', 'v'.repeat(10_000)]);
  t.regex(answer, /no_version/);
  t.true(answer.length < 500);
});

test('without the header, weights share requests out; versions that are gone get nothing', async (t) => {
  const weights = { v1: 90, v2: 10, v9: 1000 };
  const { app } = await serve(t, THREE, { version: { weights } });
  const counts: Record<string, number> = {};
  const calls = 2_000;
  for (let done = 0; done < calls; done += 50) {
    const versions = await Promise.all(Array.from({ length: 50 }, () => ask(app)));
    for (const version of versions) counts[version] = (counts[version] ?? 0) + 1;
  }
  t.deepEqual(Object.keys(counts).sort(), ['v1', 'v2']);
  // Five standard deviations of a binomial with p = 0.1.
  t.true(Math.abs((counts.v2 as number) - calls * 0.1) < 5 * Math.sqrt(calls * 0.09), JSON.stringify(counts));
});

test('sticky requests that agree in the header stay with one version, and all of them together keep to the weights', async (t) => {
  const { app } = await serve(t, THREE, { version: { weights: { v1: 50, v2: 50 }, sticky: { header: 'x-user' } } });
  const seen = new Set<string>();
  for (let user = 0; user < 40; user++) {
    const first = await ask(app, ['x-user', `user-${user}`]);
    seen.add(first);
    t.is(await ask(app, ['x-user', `user-${user}`]), first);
  }
  t.is(seen.size, 2);
});

test('fallback serves a version that nobody has; unhealthy_fallback one whose instances are all out', async (t) => {
  const { app, plane, registered } = await serve(t, THREE, {
    version: { fallback: ['v8', 'v2'], unhealthy_fallback: ['v1'] },
  });
  t.is(await ask(app, ['x-version', 'v9']), 'v2');
  t.is(await ask(app, ['x-version', 'v3']), 'v3');
  const keys = { version: { fallback: ['v8', 'v2'], unhealthy_fallback: ['v1'] }, panic_threshold: '0%' };
  const ill = registered.map((instance, index) => ({ ...instance, healthy: index !== 2 }));
  plane.tell('shop', ill as Parameters<Plane['serve']>[1], serviceSettings(keys));
  await eventually(() => plane.states('shop').includes('unhealthy'));
  t.is(await ask(app, ['x-version', 'v3']), 'v1');
});

test('all instances of a version out, and nothing to fall back to: no_healthy, which is not no_version', async (t) => {
  const { app, plane, registered } = await serve(t, THREE, { panic_threshold: '0%' });
  const ill = registered.map((instance, index) => ({ ...instance, healthy: index !== 2 }));
  plane.tell('shop', ill as Parameters<Plane['serve']>[1], serviceSettings({ panic_threshold: '0%' }));
  await eventually(() => plane.states('shop').includes('unhealthy'));
  t.regex(await ask(app, ['x-version', 'v3']), /no_healthy/);
});

test('a method has a version of its own; the header goes before it', async (t) => {
  const { app } = await serve(t, THREE, {
    methods: { '/book.Book/Get': { version: 'v3' } },
    version: { default: 'v1' },
  });
  t.is(await ask(app, [], '/book.Book/Get'), 'v3');
  t.is(await ask(app, ['x-version', 'v2'], '/book.Book/Get'), 'v2');
  t.is(await ask(app, [], '/book.Book/List'), 'v1');
});

test('labels work like the version: the value of the header must be the label’s', async (t) => {
  const { app } = await serve(
    t,
    [
      { version: 'eu', metadata: { region: 'eu' } },
      { version: 'us', metadata: { region: 'us' } },
    ],
    { match: { header: 'X-Region', label: 'region' } },
  );
  for (let i = 0; i < 3; i++) t.is(await ask(app, ['x-region', 'eu']), 'eu');
  t.is(await ask(app, ['x-region', 'us']), 'us');
  t.regex(await ask(app, ['x-region', 'mars']), /no_version: .* no instance with region "mars"/);
  const any = new Set([await ask(app), await ask(app)]);
  t.is(any.size, 2);
});

test('several labels are given up in the order that match_order says', async (t) => {
  const { app } = await serve(
    t,
    [
      { version: 'abz', zone: 'z', metadata: { stage: 'a', idc: 'b' } },
      { version: 'az', zone: 'z', metadata: { stage: 'a', idc: 'x' } },
      { version: 'a', zone: 'y', metadata: { stage: 'a', idc: 'x' } },
    ],
    {
      match: [
        { header: 'x-stage', label: 'stage' },
        { header: 'x-idc', label: 'idc' },
        { header: 'x-zone', label: 'zone' },
      ],
      match_order: [['stage', 'idc', 'zone'], ['stage', 'zone'], ['stage']],
    },
  );
  t.is(await ask(app, ['x-stage', 'a', 'x-idc', 'b', 'x-zone', 'z']), 'abz');
  t.is(await ask(app, ['x-stage', 'a', 'x-idc', 'x', 'x-zone', 'z']), 'az');
  t.is(await ask(app, ['x-stage', 'a', 'x-idc', 'b', 'x-zone', 'y']), 'a');
  t.regex(await ask(app, ['x-stage', 'q', 'x-idc', 'b', 'x-zone', 'z']), /no_version/);
});

test('a label whose fallback is any is given up when nobody has it', async (t) => {
  const { app } = await serve(t, [{ version: 'eu', metadata: { region: 'eu' } }], {
    match: { header: 'x-region', label: 'region', fallback: 'any' },
  });
  t.is(await ask(app, ['x-region', 'mars']), 'eu');
});

test('an instance whose record switches a method off gets no requests for it', async (t) => {
  const off = { methods: { Get: { online: false, limit: null } } };
  const { app } = await serve(t, [{ version: 'off', ...off }, { version: 'on' }]);
  for (let i = 0; i < 4; i++) t.is(await ask(app, [], '/book.Book/Get'), 'on');
  const others = new Set([await ask(app, [], '/book.Book/List'), await ask(app, [], '/book.Book/List')]);
  t.is(others.size, 2);
});

test('a rate that records give a method is kept: beyond it other instances are asked, and then the caller is told', async (t) => {
  const limited = { methods: { Get: { online: true, limit: 2 } } };
  const { app } = await serve(t, [
    { version: 'a', ...limited },
    { version: 'b', ...limited },
  ]);
  const answers: string[] = [];
  for (let i = 0; i < 6; i++) answers.push(await ask(app, [], '/book.Book/Get'));
  t.deepEqual(answers.slice(0, 4).sort(), ['a', 'a', 'b', 'b']);
  t.regex(answers[5] as string, /overloaded: .*rate of method "Get"/);
});
