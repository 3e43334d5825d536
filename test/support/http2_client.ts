import { type ClientHttp2Session, connect, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2';
import type { ExecutionContext } from 'ava';

export interface Http2Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly trailers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** The code of the reset that ended it; 0 when it ended in order. */
  readonly code: number;
  readonly informational: readonly number[];
}

/** A connection of Node's HTTP/2 client to a sidecar; it goes with the test. */
export function http2Client(t: ExecutionContext<unknown>, address: string): ClientHttp2Session {
  const session = connect(`http://${address}`);
  session.on('error', () => {});
  t.teardown(() => session.destroy());
  return session;
}

/** Asks for something of `host` and resolves with the whole answer, however it ends. */
export function askHttp2(
  session: ClientHttp2Session,
  host: string,
  headers: OutgoingHttpHeaders = {},
  body: Buffer | string | null = null,
  trailers: OutgoingHttpHeaders | null = null,
): Promise<Http2Reply> {
  return new Promise((resolve) => {
    const endStream = body === null && trailers === null;
    const fields = { ':method': 'GET', ':path': '/', ':authority': host, ...headers };
    const stream = session.request(fields, { endStream, waitForTrailers: trailers !== null });
    const pieces: Buffer[] = [];
    const informational: number[] = [];
    let answered: IncomingHttpHeaders = {};
    let trailed: IncomingHttpHeaders = {};
    stream.on('headers', (interim) => informational.push(Number(interim[':status'])));
    stream.on('response', (response) => {
      answered = response;
    });
    stream.on('trailers', (response) => {
      trailed = response;
    });
    stream.on('wantTrailers', () => stream.sendTrailers(trailers ?? {}));
    stream.on('data', (piece: Buffer) => pieces.push(piece));
    stream.on('error', () => {});
    stream.on('close', () => {
      resolve({
        status: Number(answered[':status'] ?? 0),
        headers: answered,
        trailers: trailed,
        body: Buffer.concat(pieces),
        code: stream.rstCode,
        informational,
      });
    });
    if (!endStream) stream.end(body ?? '');
  });
}
