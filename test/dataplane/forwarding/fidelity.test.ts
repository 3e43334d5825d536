import test from 'ava';
import { ERROR } from '../../../src/http2/frame/codes.ts';
import { startPlane } from '../../support/plane.ts';
import { startApp, startRawApp } from '../../support/plane_app.ts';
import { startInstance } from '../../support/plane_instance.ts';
import { data, headers } from '../../support/wire_frames.ts';

const CALL = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/shop.Shop/Buy'],
  [':authority', 'shop'],
  ['content-type', 'application/grpc'],
  ['te', 'trailers'],
] as const;

test('te, the case of the path, binary values and the order of duplicates reach the instance as they came (gRPC over HTTP/2, Requests)', async (t) => {
  const plane = await startPlane(t);
  const instance = await startInstance(t);
  await plane.serve('shop', [instance]);
  const app = await startApp(t, plane);
  const odd = ['x-a', '1', 'x-b-bin', 'AAECAw', 'x-a', '2', 'x-b-bin', '/+8', 'x-a', ''];
  t.is(await app.call('shop', { path: '/Shop.sHOP/bUy%20?X=y', headers: odd }).ended(), '0');
  const [request] = instance.requests;
  t.deepEqual(request?.values(':path'), ['/Shop.sHOP/bUy%20?X=y']);
  t.deepEqual(request?.values('te'), ['trailers']);
  t.deepEqual(request?.values('x-a'), ['1', '2', '']);
  t.deepEqual(request?.values('x-b-bin'), ['AAECAw', '/+8']);
  const names = request?.list.fields.filter((_, at) => at % 2 === 0 && /^x-[ab]/.test(request.list.fields[at] ?? ''));
  t.deepEqual(names, ['x-a', 'x-b-bin', 'x-a', 'x-b-bin', 'x-a']);
});

test('trailers before the end of the request are passed on at once, and then the rest of it is refused with NO_ERROR (gRPC over HTTP/2, Responses; RFC 9113 section 8.1)', async (t) => {
  const plane = await startPlane(t);
  const instance = await startInstance(t, {
    begun: (request) => {
      request.headers([':status', '200', 'content-type', 'application/grpc']);
      request.end(['grpc-status', '7', 'grpc-message', 'no%20more']);
    },
  });
  await plane.serve('shop', [instance]);
  const app = await startRawApp(t, plane);
  app.send(headers(1, CALL), data(1, Buffer.alloc(5)));
  const trailers = await app.next('HEADERS', (frame) => frame.streamId === 1 && frame.endStream);
  t.deepEqual(trailers.fields, [
    ['grpc-status', '7'],
    ['grpc-message', 'no%20more'],
  ]);
  const reset = await app.next('RST_STREAM', 1);
  t.is(reset.errorCode, ERROR.NO_ERROR);
  t.true(app.received.indexOf(trailers) < app.received.indexOf(reset));
  // What was under way is no breach: the connection is as good as before.
  app.send(data(1, Buffer.alloc(5), { end: true }), headers(3, CALL, { end: true }));
  await app.next('HEADERS', (frame) => frame.streamId === 3 && frame.endStream);
});
