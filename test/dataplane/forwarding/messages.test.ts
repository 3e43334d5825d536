import test from 'ava';
import { eventually } from '../../support/eventually.ts';
import { startPlane } from '../../support/plane.ts';
import { type Call, startApp } from '../../support/plane_app.ts';
import { startInstance } from '../../support/plane_instance.ts';

/** What a message may hold of what the client sent. */
const FEW_HUNDRED = 450;
/** What some gRPC clients accept of headers, in octets. */
const SMALLEST_HEADER_LIMIT = 8 * 1024;
const MARK = 'Q';
/** Octets that the client chose, none of which occurs in our own words; and ones that grow when they are encoded. */
const LONG: readonly (readonly [string, string])[] = [
  ['long', MARK.repeat(20_000)],
  ['long, and of octets that must be encoded', '\u00e4'.repeat(20_000)],
];

/** How much of `text` stands in what came back. */
function echoed(call: Call, text: string): number {
  const all = `${call.message}${call.fields.join('')}`;
  return [...call.message].filter((char) => char === text[0]).length + (all.length > SMALLEST_HEADER_LIMIT ? 1e6 : 0);
}

for (const [what, text] of LONG) {
  test(`the message of no_route holds little of a path, authority or name that is ${what}`, async (t) => {
    const plane = await startPlane(t);
    const app = await startApp(t, plane);
    const calls = [
      app.call('nobody', { path: `/${text}` }),
      app.call(text),
      app.call('nobody', { headers: ['x-outrigger-service', text] }),
      app.call(text, { path: `/${text}`, headers: ['x-outrigger-service', text] }),
    ];
    for (const call of calls) {
      t.is(await call.ended(), '12 no_route');
      t.true(echoed(call, text) <= FEW_HUNDRED, `${call.message.length} characters`);
      t.regex(call.message, /^no service for \/.* at .*: name a service in :authority/);
    }
    const plain = app.call(text, { grpc: false, path: `/${text}` });
    t.is(await plain.ended(), '404 no_route');
    t.true(plain.octets < 8 * FEW_HUNDRED, `${plain.octets} octets`);
    t.deepEqual(app.owner.tokens, []);
  });

  test(`the message of no_version holds little of a version that is ${what}`, async (t) => {
    const plane = await startPlane(t);
    const instance = await startInstance(t);
    await plane.serve('shop', [{ address: instance.address, version: 'v1' }]);
    const app = await startApp(t, plane);
    const call = app.call('shop', { headers: ['x-version', text] });
    t.is(await call.ended(), '14 no_version');
    t.true(call.message.startsWith('no match found conn: service "shop" has no instance of version "'), call.message);
    t.true(call.message.endsWith('..." (v1: 1)'), call.message);
    t.true(call.message.length < FEW_HUNDRED, `${call.message.length} characters`);
  });

  test(`no message holds much of the name of a service to look up that is ${what}`, async (t) => {
    const plane = await startPlane(t, { discover: true });
    const app = await startApp(t, plane);
    const calls = [app.call(text, { headers: ['grpc-timeout', '1m'] }), app.call(text), app.call(text)];
    await eventually(() => plane.data.get(text)?.inFlight === 3 || calls[0]?.over === true);
    plane.tell(text, []);
    for (const call of calls) {
      t.regex(await call.ended(), /^(4 deadline|12 no_route|14 no_instance)$/);
      t.true(echoed(call, text) <= FEW_HUNDRED, `${call.message.length} characters`);
    }
  });
}

test('short ones are named whole, with control characters and what is no ASCII made harmless', async (t) => {
  const plane = await startPlane(t);
  const instance = await startInstance(t);
  await plane.serve('shop', [{ address: instance.address, version: 'v1' }]);
  const app = await startApp(t, plane);
  const unrouted = app.call('nobody', { path: '/a.B/C', headers: ['x-outrigger-service', 'ghost'] });
  await unrouted.ended();
  t.true(unrouted.message.startsWith('no service for /a.B/C at x-outrigger-service "ghost": '), unrouted.message);
  const version = app.call('shop', { headers: ['x-version', 'v\u00e4\u0001\t%2'] });
  await version.ended();
  t.is(version.message, 'no match found conn: service "shop" has no instance of version "v???%2" (v1: 1)');
});

test('of many versions, some are named with their numbers and the rest is counted', async (t) => {
  const plane = await startPlane(t);
  const set = Array.from({ length: 1_000 }, (_, i) => ({
    // Nobody listens there; what is registered counts, connected or not.
    address: `127.0.0.1:${i + 1}`,
    version: `v${String(i % 500).padStart(3, '0')}`,
  }));
  plane.tell('shop', set);
  const app = await startApp(t, plane);
  const call = app.call('shop', { headers: ['x-version', 'v999'] });
  t.is(await call.ended(), '14 no_version');
  const named = Array.from({ length: 20 }, (_, i) => `v${String(i).padStart(3, '0')}: 2`).join(', ');
  t.is(
    call.message,
    `no match found conn: service "shop" has no instance of version "v999" (${named}, and 480 more versions)`,
  );
});

test('of many instances that are out, three are named with their reasons and the rest is counted', async (t) => {
  const plane = await startPlane(t);
  const set = Array.from({ length: 8 }, (_, i) => ({ address: `127.0.0.1:${i + 1}` }));
  plane.tell('shop', set);
  await eventually(() => plane.states('shop').every((state) => state === 'backoff'));
  const app = await startApp(t, plane);
  const call = app.call('shop');
  t.is(await call.ended(), '14 connect_failed');
  t.regex(
    call.message,
    /^service "shop": none of 8 instances is ready: (127\.0\.0\.1:\d: backoff, ECONNREFUSED \(\d attempts?\); ){3}and 5 more$/,
  );
});
