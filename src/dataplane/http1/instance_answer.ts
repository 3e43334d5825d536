import type { IncomingMessage } from 'node:http';
import { messageHead } from '../../http2/header_rules.ts';
import { HeaderList } from '../../http2/hpack/header_list.ts';
import type { Stream } from '../../http2/streams/stream.ts';
import { endToEnd, listItems, trailerFields, valuesOf } from './fields.ts';
import { MAX_HEADERS } from './limits.ts';
import { type Pumped, StreamBody } from './stream_body.ts';

/** An answer of an instance that cannot be passed on. */
export class BadAnswer extends Error {}

/**
 * Sends an answer of HTTP/1.1 on a stream (RFC 9113 section 8.3.2) and calls `onSent` at its end. Throws `BadAnswer`. Gives what sends the
 * body; null when there is none.
 */
export function answer(
  stream: Stream,
  response: IncomingMessage,
  isHead: boolean,
  stalled: Set<Pumped>,
  onSent: () => void,
): StreamBody | null {
  const { rawHeaders, statusCode = 0 } = response;
  const list = answerFields(statusCode, rawHeaders);
  const none = isHead || statusCode === 204 || statusCode === 304 || valuesOf(rawHeaders, 'content-length')[0] === '0';
  stream.connection.headers(stream, list, none);
  if (!none) return new StreamBody(response, stream, stalled, () => answerTrailers(response), onSent);
  response.once('end', onSent);
  response.resume();
  return null;
}

/** The header list of an answer. Throws `BadAnswer`. */
export function answerFields(status: number, raw: readonly string[]): HeaderList {
  if (raw.length > 2 * MAX_HEADERS) throw new BadAnswer(`more than ${MAX_HEADERS} header lines`);
  const codings = listItems(valuesOf(raw, 'transfer-encoding'));
  if (codings.length > 1 || (codings.length === 1 && codings[0] !== 'chunked')) {
    throw new BadAnswer(`transfer-encoding ${codings.join(', ')}, which nobody has asked for`);
  }
  const list = new HeaderList([':status', String(status), ...endToEnd(raw)]);
  const { error } = messageHead(list, 'response');
  if (error !== null) throw new BadAnswer(error);
  return list;
}

/** An answer of the sidecar's own, in the place of the instance's. */
export function answerText(stream: Stream, status: number, text: string): void {
  const body = Buffer.from(`${text}\n`);
  const fields = [':status', String(status), 'content-type', 'text/plain; charset=utf-8'];
  const list = new HeaderList([...fields, 'content-length', String(body.length)]);
  stream.connection.headers(stream, list, false);
  stream.connection.data(stream, body, 0, body.length, true, null);
  stream.connection.stopReceiving(stream);
}

function answerTrailers(response: IncomingMessage): HeaderList | null {
  const fields = trailerFields(response.rawTrailers);
  if (fields === null) return null;
  const list = new HeaderList(fields);
  return messageHead(list, 'trailers').error === null ? list : null;
}
