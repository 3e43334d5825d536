import { request as httpRequest, type IncomingMessage } from 'node:http';
import test, { type ExecutionContext } from 'ava';
import type { AdminView } from '../../src/admin/admin_view.ts';
import { startHttpServer } from '../../src/admin/http_server.ts';
import { tap } from '../../src/admin/tap.ts';
import { tapFilterOf } from '../../src/admin/tap_filter.ts';
import { silentLog } from '../../src/base/log.ts';
import { matchesTap, type RequestRecord, type TapFilter } from '../../src/model/observation.ts';
import { eventually } from '../support/eventually.ts';
import { requestRecord } from '../support/request_record.ts';
import { ask } from './request.ts';

interface Looker {
  readonly filter: TapFilter;
  readonly told: (record: RequestRecord) => void;
}

async function start(t: ExecutionContext, most = 10) {
  const lookers = new Set<Looker>();
  const view = {
    tap(filter: TapFilter, told: (record: RequestRecord) => void) {
      if (lookers.size === most) return null;
      const looker = { filter, told };
      lookers.add(looker);
      return () => lookers.delete(looker);
    },
  } as unknown as AdminView;
  const server = await startHttpServer({
    key: 'admin',
    listen: '127.0.0.1:0',
    guarded: true,
    log: silentLog,
    routes: [{ method: 'GET', path: '/tap', about: '', handle: ({ query }) => tap(view, query) }],
  });
  t.teardown(() => server.close());
  const tell = (record: RequestRecord): void => {
    for (const { filter, told } of lookers) if (matchesTap(filter, record)) told(record);
  };
  return { address: server.address, lookers, tell };
}

function look(
  t: ExecutionContext,
  address: string,
  query = '',
): Promise<{ response: IncomingMessage; text: () => string }> {
  return new Promise((resolve, reject) => {
    const call = httpRequest(`http://${address}/tap${query}`, { agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      resolve({ response, text: () => text });
    });
    t.teardown(() => call.destroy());
    call.on('error', reject).end();
  });
}

test('whoever looks sees requests as they end, and only those that were asked for', async (t) => {
  const { address, lookers, tell } = await start(t);
  const { response, text } = await look(t, address, '?service=book&status=errors');
  t.is(response.headers['content-type'], 'text/event-stream');
  await eventually(() => lookers.size === 1);
  tell(requestRecord());
  tell(requestRecord({ grpcStatus: 14, reason: 'no_healthy' }));
  tell(requestRecord({ service: 'user', grpcStatus: 14 }));
  await eventually(() => text().includes('event: request'));
  const data = [...text().matchAll(/^data: (.*)$/gm)].map(([, json]) => JSON.parse(json as string));
  t.is(data.length, 1);
  t.like(data[0], { service: 'book', grpc_status: 14, reason: 'no_healthy' });
  response.destroy();
  await eventually(() => lookers.size === 0);
});

test('a HEAD looks at nothing', async (t) => {
  const { address, lookers } = await start(t);
  t.is((await ask(address, '/tap', { method: 'HEAD' })).status, 200);
  await eventually(() => lookers.size === 0);
});

test('a client that does not read misses requests, and is told how many', async (t) => {
  const { address, lookers, tell } = await start(t);
  const { response, text } = await look(t, address);
  await eventually(() => lookers.size === 1);
  response.pause();
  const path = `/${'x'.repeat(100_000)}`;
  for (let i = 0; i < 400; i++) tell(requestRecord({ path }));
  response.resume();
  let seen = 0;
  // The next one after the gap says so.
  await eventually(() => {
    tell(requestRecord({ path: '/after' }));
    seen = text().split('event: request').length - 1;
    return text().includes('event: missed');
  });
  const { missed } = JSON.parse(/event: missed\ndata: (.*)/.exec(text())?.[1] ?? '{}');
  t.true(missed > 0 && missed < 400);
  t.true(seen > 0);
});

test('when too many look, the next one is told so', async (t) => {
  const { address, lookers } = await start(t, 1);
  await look(t, address);
  await eventually(() => lookers.size === 1);
  const { status, text } = await ask(address, '/tap');
  t.is(status, 503);
  t.like(JSON.parse(text), { error: 'too_many_taps' });
});

for (const [text, expected] of [
  ['503', { kind: 'http', value: 503 }],
  ['5xx', { kind: 'class', value: 5 }],
  ['14', { kind: 'grpc', value: 14 }],
  ['0', { kind: 'grpc', value: 0 }],
  ['unavailable', { kind: 'grpc', value: 14 }],
  ['errors', { kind: 'errors' }],
] as const) {
  test(`the status "${text}" is understood`, (t) => {
    t.deepEqual(tapFilterOf(new URLSearchParams({ status: text })).status, expected);
  });
}

for (const query of ['status=600', 'status=17', 'status=nope', 'path=/x']) {
  test(`a filter that is none is refused: ${query}`, async (t) => {
    const { address } = await start(t);
    const { status, text } = await ask(address, `/tap?${query}`);
    t.is(status, 400);
    t.like(JSON.parse(text), { error: 'bad_request' });
  });
}
