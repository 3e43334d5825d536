import test, { type ExecutionContext } from 'ava';
import type { ExplainRequest, Explanation } from '../../src/model/explain.ts';
import { eventually } from '../support/eventually.ts';
import { type Plane, startPlane } from '../support/plane.ts';
import { startApp } from '../support/plane_app.ts';
import { startInstance } from '../support/plane_instance.ts';
import { serviceSettings } from '../support/service_settings.ts';

let asked = 0;

function explain(plane: Plane, request: Partial<ExplainRequest>): Explanation {
  const id = ++asked;
  plane.data.receive({ kind: 'explain', id, request: { authority: 'shop', path: '/', headers: [], ...request } });
  const answer = plane.said('explained').find((said) => said.id === id);
  if (answer === undefined) throw new Error('no answer');
  return answer.explanation;
}

async function serve(t: ExecutionContext<unknown>, versions: readonly string[], keys = {}) {
  const plane = await startPlane(t, { routes: [{ path: '/routed/', host: null, service: 'shop' }] });
  const instances = await Promise.all(versions.map(() => startInstance(t)));
  const registered = instances.map(({ address }, at) => ({ address, version: versions[at] as string }));
  await plane.serve('shop', registered, serviceSettings(keys));
  return { plane, registered };
}

test('each filter is told with how many it left and why it took out the others', async (t) => {
  const { plane, registered } = await serve(t, ['v1', 'v1', 'v2']);
  const ill = registered.map((instance, at) => ({ ...instance, healthy: at !== 0 }));
  plane.tell('shop', ill, serviceSettings());
  await eventually(() => plane.states('shop').includes('unhealthy'));
  const { steps, choice, routed, error } = explain(plane, { headers: [['x-version', 'v1']] });
  t.is(routed, 'the authority "shop" names it');
  t.deepEqual(
    steps.map(({ filter, kept, removed }) => [filter, kept, removed]),
    [
      ['registered', 3, 0],
      ['version', 2, 1],
      ['health', 1, 1],
    ],
  );
  t.deepEqual(steps[1]?.examples, [{ instance: registered[2]?.address, version: 'v2', why: 'is v2' }]);
  t.like(steps[2]?.examples[0], { instance: registered[0]?.address, why: 'unhealthy' });
  t.is(choice, registered[1]?.address ?? null);
  t.is(error, null);
});

test('the choice and the ones after it are those that calls then get, and asking changes nothing', async (t) => {
  const { plane } = await serve(t, ['v1', 'v1', 'v1', 'v1']);
  const app = await startApp(t, plane);
  const call = async () => {
    const made = app.call('shop', { headers: ['x-outrigger-debug', '1'] });
    await made.ended();
    return made.field('x-outrigger-instance');
  };
  await call();
  const { choice, next } = explain(plane, {});
  t.deepEqual(explain(plane, {}).choice, choice);
  const got = [await call(), await call(), await call(), await call(), await call(), await call()];
  t.deepEqual(got, [choice, ...next]);
});

test('the error that a request would get is told instead of a choice', async (t) => {
  const { plane } = await serve(t, ['v1']);
  const { choice, error } = explain(plane, { headers: [['x-version', 'v9']] });
  t.is(choice, null);
  t.is(error?.reason, 'no_version');
  t.is(explain(plane, { authority: 'nobody' }).error?.reason, 'no_route');
});

test('which rule named the service is told: the header, a route, the authority', async (t) => {
  const { plane } = await serve(t, ['v1']);
  t.regex(explain(plane, { authority: 'x', headers: [['x-outrigger-service', 'shop']] }).routed, /x-outrigger-service/);
  t.regex(explain(plane, { authority: 'x', path: '/routed/a' }).routed, /route for \/routed\//);
  t.regex(explain(plane, {}).routed, /authority/);
});

test('labels, switched-off methods and fallbacks have their lines', async (t) => {
  const { plane, registered } = await serve(t, ['v1', 'v2']);
  const keys = serviceSettings({ match: { header: 'x-region', label: 'region' }, version: { fallback: ['v2'] } });
  const told = registered.map((instance, at) => ({
    ...instance,
    metadata: { region: at === 0 ? 'eu' : 'us' },
    methods: { Get: { online: at !== 0, limit: null } },
  }));
  plane.tell('shop', told, keys);
  const labels = explain(plane, { headers: [['x-region', 'us']] });
  t.deepEqual(labels.steps.find(({ filter }) => filter === 'labels')?.examples[0]?.why, 'region is eu');
  const method = explain(plane, { path: '/shop.Shop/Get' });
  t.regex(method.steps.find(({ filter }) => filter === 'method')?.examples[0]?.why ?? '', /switches it off/);
  const fallback = explain(plane, { headers: [['x-version', 'v9']] });
  t.regex(fallback.steps.find(({ filter }) => filter === 'version')?.about ?? '', /fallback/);
  t.is(fallback.choice, registered[1]?.address ?? null);
});
