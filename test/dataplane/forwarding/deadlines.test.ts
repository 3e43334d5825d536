import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { parseTimeout } from '../../../src/grpc/timeout.ts';
import { ERROR } from '../../../src/http2/frame/codes.ts';
import { eventually } from '../../support/eventually.ts';
import { type ServiceOptions, startPlane } from '../../support/plane.ts';
import { startApp } from '../../support/plane_app.ts';
import { type Received, startInstance } from '../../support/plane_instance.ts';
import { holds } from '../../support/wire_property.ts';

/** A service whose instance never answers. */
async function silent(t: ExecutionContext, options: ServiceOptions = {}) {
  const plane = await startPlane(t);
  const instance = await startInstance(t, { begun() {} });
  const counters = await plane.serve('shop', [instance], options);
  return { plane, instance, counters, app: await startApp(t, plane) };
}

/** What slow machines take to do something, at most, in milliseconds. */
const SLOW = 10_000;

const timeout = (value: string): { headers: string[] } => ({ headers: ['grpc-timeout', value] });

/** What the instance was told, in milliseconds; null when it was told nothing. */
function told(request: Received | undefined): number | null {
  const [value, ...others] = request?.values('grpc-timeout') ?? [];
  if (others.length > 0) throw new Error('it was told twice');
  return value === undefined ? null : parseTimeout(value);
}

for (const value of ['0n', '0u', '0m', '0S', '0H', '00000000m', '1n', '999n']) {
  test(`grpc-timeout ${value} has expired when it comes: status 4 at once`, async (t) => {
    const { app, instance, counters } = await silent(t);
    const call = app.call('shop', timeout(value));
    t.is(await call.ended(), '4 deadline');
    t.regex(call.message, /^the client's deadline passed after \d+ ms/);
    t.true(instance.requests.length <= 1);
    await eventually(() => instance.requests.every(({ resetCode }) => resetCode === ERROR.CANCEL));
    t.deepEqual([counters.rejected('deadline'), counters.inFlight, counters.upstreamInFlight], [1, 0, 0]);
  });
}

test('at the deadline the caller gets status 4, and the instance a RST_STREAM with CANCEL', async (t) => {
  const { plane, app, instance, counters } = await silent(t);
  const call = app.call('shop', timeout('30S'));
  await eventually(() => instance.requests.length === 1);
  t.is(told(instance.requests[0]), 30_000);
  plane.skip(15_000);
  await eventually(() => plane.data.deadlines.size === 1);
  t.false(call.over);
  plane.skip(15_000);
  t.is(await call.ended(), '4 deadline');
  t.true(
    call.message.includes(`waiting for instance ${instance.address} of service "shop" (attempts: 1)`),
    call.message,
  );
  await eventually(() => instance.requests[0]?.resetCode === ERROR.CANCEL);
  await eventually(() => counters.attempts(instance.address).deadline === 1);
});

test('a deadline that comes after the response headers ends the answer with status 4 all the same', async (t) => {
  const plane = await startPlane(t);
  const instance = await startInstance(t, { begun: (request) => request.headers([':status', '200']) });
  await plane.serve('shop', [instance]);
  const app = await startApp(t, plane);
  const call = app.call('shop', timeout('30S'));
  await eventually(() => call.status === 200);
  plane.skip(30_000);
  t.is(await call.ended(), '4 deadline');
  t.true(call.hasTrailers);
});

test('whose deadline it was is told right, however short it was and whatever the clock said', async (t) => {
  const { app } = await silent(t);
  for (const value of ['1n', '10n', '333n', '1u', '7u', '333u', '999u']) {
    const call = app.call('shop', timeout(value));
    t.is(await call.ended(), '4 deadline');
    t.regex(call.message, /^the client's deadline/, value);
  }
});

test('a timeout that nothing shortens is forwarded as it came', async (t) => {
  const { app, instance } = await silent(t);
  const values = ['1u', '7u', '333u', '999u', '5S', '100S'];
  for (const [i, value] of values.entries()) {
    app.call('shop', timeout(value));
    await eventually(() => instance.requests.length === i + 1);
  }
  t.deepEqual(
    instance.requests.flatMap((request) => request.values('grpc-timeout')),
    values,
  );
});

test('the service’s timeout counts when it is shorter, and is what the instance sees', async (t) => {
  const { plane, app, instance } = await silent(t, { timeout: 50_000 });
  const call = app.call('shop', timeout('300S'));
  await eventually(() => instance.requests.length === 1);
  const seen = told(instance.requests[0]) as number;
  t.true(seen > 40_000 && seen <= 50_000, String(seen));
  plane.skip(50_000);
  t.is(await call.ended(), '4 deadline');
  t.regex(call.message, /^the timeout of the service passed/);
});

test('a client’s shorter timeout is never made longer', async (t) => {
  const { plane, app, instance } = await silent(t, { timeout: 300_000 });
  const call = app.call('shop', timeout('50S'));
  await eventually(() => instance.requests.length === 1);
  t.true((told(instance.requests[0]) as number) <= 50_000);
  plane.skip(50_000);
  t.is(await call.ended(), '4 deadline');
});

test('the service’s timeout is sent when the client sent none; only to a gRPC request, but kept for others too', async (t) => {
  const { plane, app, instance } = await silent(t, { timeout: 50_000 });
  const call = app.call('shop');
  await eventually(() => instance.requests.length === 1);
  const plain = app.call('shop', { grpc: false });
  await eventually(() => instance.requests.length === 2);
  const seen = told(instance.requests[0]) as number;
  t.true(seen > 40_000 && seen <= 50_000, String(seen));
  t.is(told(instance.requests[1]), null);
  plane.skip(50_000);
  t.is(await call.ended(), '4 deadline');
  t.is(await plain.ended(), '504 deadline');
});

test('no timeout of either: none is sent, and none is kept', async (t) => {
  const { plane, app, instance } = await silent(t);
  const call = app.call('shop');
  await eventually(() => instance.requests.length === 1);
  t.is(told(instance.requests[0]), null);
  plane.skip(86_400_000);
  await eventually(() => plane.data.deadlines.size === 0);
  t.false(call.over);
});

test('the time that a request waited is taken off what the instance sees', async (t) => {
  const plane = await startPlane(t);
  const instance = await startInstance(t);
  const counters = plane.tell('shop', [], { known: false });
  const app = await startApp(t, plane);
  const calls = [app.call('shop', timeout('50S')), app.call('shop', timeout('600S')), app.call('shop')];
  await eventually(() => counters.pending === 3);
  plane.skip(2_000);
  plane.tell('shop', [instance]);
  for (const call of calls) t.is(await call.ended(), '0');
  const [short, long, none] = instance.requests.map(told);
  t.true((short as number) <= 48_000 && (short as number) > 40_000, String(short));
  t.true((long as number) <= 598_000 && (long as number) > 590_000, String(long));
  t.is(none, null);
});

test('so is the time of an attempt that was refused', async (t) => {
  const plane = await startPlane(t);
  const refusing = await startInstance(t, { begun() {} });
  const counters = await plane.serve('shop', [refusing]);
  const app = await startApp(t, plane);
  const call = app.call('shop', timeout('50S'));
  await eventually(() => refusing.requests.length === 1);
  const fine = await startInstance(t);
  await plane.serve('shop', [refusing, fine]);
  plane.skip(20_000);
  refusing.requests[0]?.reset(ERROR.REFUSED_STREAM);
  t.is(await call.ended(), '0');
  t.is(told(refusing.requests[0]), 50_000);
  const left = told(fine.requests[0]) as number;
  t.true(left <= 30_000 && left > 20_000, String(left));
  t.is(counters.retries, 1);
});

for (const value of ['', '5', 'S', '123456789S', '1.5S', '-1S', '5s', '5 S', 'never']) {
  test(`grpc-timeout "${value}" is none, and so as if absent`, async (t) => {
    const { plane, app, instance } = await silent(t);
    const call = app.call('shop', timeout(value));
    await eventually(() => instance.requests.length === 1);
    plane.skip(86_400_000);
    await eventually(() => plane.data.deadlines.size === 0);
    t.false(call.over);
  });
}

test('with a timeout of the service, an invalid one is replaced by it', async (t) => {
  const { app, instance } = await silent(t, { timeout: 50_000 });
  app.call('shop', timeout('never'));
  await eventually(() => instance.requests.length === 1);
  const seen = told(instance.requests[0]) as number;
  t.true(seen > 40_000 && seen <= 50_000, String(seen));
});

const given = fc.option(
  fc.record({ digits: fc.nat(99_999_999), unit: fc.constantFrom('H', 'M', 'S', 'm', 'u', 'n') }),
  { nil: null },
);

test('whatever both say and however long it waited, the instance never sees more than the least of what is left', async (t) => {
  const plane = await startPlane(t);
  const instance = await startInstance(t);
  const app = await startApp(t, plane);
  let number = 0;
  await holds(
    t,
    fc.asyncProperty(
      given,
      fc.option(fc.integer({ min: 1, max: 100_000 }), { nil: null }),
      fc.constantFrom(0, 0, 1, 1_000, 5_000),
      async (client, own, waited) => {
        const name = `shop${number++}`;
        const counters = plane.tell(name, [], { known: false, timeout: own });
        const value = client === null ? null : `${client.digits}${client.unit}`;
        const asked = value === null ? null : (parseTimeout(value) as number);
        const call = app.call(name, value === null ? {} : timeout(value));
        await eventually(() => counters.pending === 1 || call.over);
        plane.skip(waited);
        await plane.serve(name, [instance], { timeout: own });
        const outcome = await call.ended();
        plane.tell(name, []);
        const least = Math.min(asked ?? Number.POSITIVE_INFINITY, own ?? Number.POSITIVE_INFINITY);
        // Three years; eight digits of seconds hold no more.
        const floor = Math.min(least, 99_999_999_000) - waited - SLOW;
        const request = instance.requests.at(-1);
        if (outcome === '0') {
          const seen = told(request);
          if ((seen === null) !== (least === Number.POSITIVE_INFINITY)) throw new Error(`${seen} was sent`);
          // At least a nanosecond is left, since 0 might be taken for none.
          if (seen !== null && seen > Math.max(1e-6, least - waited))
            throw new Error(`${seen} of ${least - waited} was sent`);
          // Connecting takes its time as well.
          if (seen !== null && seen < floor) throw new Error(`only ${seen} of ${least - waited} was sent`);
        } else if (outcome !== '4 deadline' || least - waited > SLOW) throw new Error(outcome);
      },
    ),
    { numRuns: 60 },
  );
});
