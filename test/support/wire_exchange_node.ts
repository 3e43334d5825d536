import { once } from 'node:events';
import {
  type ClientHttp2Stream,
  connect,
  constants,
  createServer,
  type Http2Session,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import {
  CANCEL,
  type Exchange,
  type ExchangeClient,
  INTERNAL_ERROR,
  type Outcome,
  OutcomeRecorder,
  pieces,
  requestFields,
} from './wire_exchange.ts';

/** A server on `node:http2` that does what an exchange asks for. */
export async function nodeExchangeServer(): Promise<{ port: number; close(): void }> {
  const sessions = new Set<Http2Session>();
  const server = createServer({ settings: { maxConcurrentStreams: 1000 } });
  server.on('session', (session) => {
    sessions.add(session);
    session.on('error', () => {});
    session.on('close', () => sessions.delete(session));
  });
  server.on('stream', answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      server.close();
      for (const session of sessions) session.destroy();
    },
  };
}

function answer(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, _flags: number, raw: string[]): void {
  stream.on('error', () => {});
  const what = headers['x-do'] as Exchange['server'];
  const fields: OutgoingHttpHeaders = { ':status': what === 'empty' ? 204 : 200 };
  for (let i = 0; i < raw.length; i += 2) {
    const [name, value] = [raw[i] as string, raw[i + 1] as string];
    // One by one: values that Node joined for us may end in white space, which it would then not send.
    if (name.startsWith('x-e-')) fields[name] = [...((fields[name] as string[] | undefined) ?? []), value];
  }
  if (what === 'reset') return stream.close(INTERNAL_ERROR);
  if (what === 'interim') stream.additionalHeaders({ ':status': 103 });
  if (what === 'half') {
    stream.respond(fields);
    // `close` would end the stream in order first.
    stream.write('half', () => stream.destroy(new Error('half')));
    return;
  }
  if (what === 'empty') {
    stream.respond(fields, { endStream: true });
    stream.resume();
    return;
  }
  if (what === 'early') {
    stream.respond(fields);
    stream.end('early');
    return;
  }
  const trailers: OutgoingHttpHeaders = {};
  const expected = headers['x-trailers'] !== undefined;
  stream.on('trailers', (received: IncomingHttpHeaders) => {
    for (const [name, value] of Object.entries(received)) if (name.startsWith('x-e-')) trailers[name] = value;
  });
  stream.on('wantTrailers', () => stream.sendTrailers(trailers));
  stream.respond(fields, { waitForTrailers: expected });
  if (headers[':method'] === 'HEAD') stream.resume();
  else stream.pipe(stream);
}

/** A client on `node:http2`, on a connection of its own. */
export function nodeExchangeClient(port: number): ExchangeClient {
  return {
    play: async (exchanges) => {
      const session = connect(`http://127.0.0.1:${port}`);
      session.on('error', () => {});
      try {
        return await Promise.all(exchanges.map((exchange) => playOne(session.request.bind(session), exchange)));
      } finally {
        session.destroy();
      }
    },
  };
}

function playOne(
  request: (
    headers: OutgoingHttpHeaders,
    options: { endStream: boolean; waitForTrailers: boolean },
  ) => ClientHttp2Stream,
  exchange: Exchange,
): Promise<Outcome> {
  const headers: Record<string, string | string[]> = {};
  for (const [name, value] of requestFields(exchange)) {
    const before = headers[name];
    headers[name] = before === undefined ? value : [...(Array.isArray(before) ? before : [before]), value];
  }
  const { trailers } = exchange;
  const endStream = exchange.body === null && trailers === null;
  const stream = request(headers, { endStream, waitForTrailers: trailers !== null });
  const recorder = new OutcomeRecorder(exchange);
  if (trailers !== null) stream.on('wantTrailers', () => stream.sendTrailers(Object.fromEntries(trailers)));
  stream.on('headers', (interim) => recorder.interim(Number(interim[constants.HTTP2_HEADER_STATUS])));
  stream.on('response', (received) => {
    recorder.response(Number(received[':status']), pairs(received));
    if (exchange.cancels) stream.close(CANCEL);
  });
  stream.on('data', (chunk: Buffer) => recorder.data(chunk));
  stream.on('trailers', (received) => recorder.trailers(pairs(received)));
  stream.on('error', () => {});
  if (!endStream) {
    for (const piece of pieces(exchange)) stream.write(piece);
    stream.end();
  }
  return new Promise((resolve) => {
    stream.on('close', () =>
      resolve(recorder.end(stream.rstCode === 0 || stream.rstCode === undefined ? null : stream.rstCode)),
    );
  });
}

function pairs(headers: IncomingHttpHeaders): [string, string][] {
  return Object.entries(headers).map(([name, value]) => [name, String(value)]);
}
