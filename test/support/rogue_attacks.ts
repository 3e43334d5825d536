/*
 * What an instance can do to a sidecar: the answers of `rogue_instance.ts`, by the path of the request.
 */

import { ERROR, SETTING } from '../../src/http2/frame/codes.ts';
import type { ProtocolErrorToken } from '../../src/http2/protocol_errors.ts';
import {
  cutHeaders,
  data,
  type Fields,
  frame,
  goaway,
  headers,
  indexedLiteral,
  literal,
  PADDED,
  ping,
  rstStream,
  settings,
  tableSizeUpdate,
  windowUpdate,
} from './wire_frames.ts';

export interface RogueAttack {
  readonly what: string;
  /** What is counted, and ends the connection or the stream; null: it is no breach. */
  readonly token: ProtocolErrorToken | null;
  /** The gRPC status that the caller gets. */
  readonly status: number;
  /** Octets that go before. */
  readonly first?: (id: number) => Buffer;
  /** Octets to send once the request is here; given again and again when `forever`. */
  readonly answer: (id: number) => Buffer;
  readonly forever?: boolean;
}

const GRPC: Fields = [
  [':status', '200'],
  ['content-type', 'application/grpc'],
];
const OK: Fields = [['grpc-status', '0']];
/** Status of a call whose connection went away, and of one whose stream was reset for what the instance did (rule 5 of gRPC's mapping). */
const LOST = 14;
const INTERNAL = 13;
const MESSAGE = Buffer.from([0, 0, 0, 0, 3, 0x0a, 1, 0x78]);

const connection = (what: string, token: ProtocolErrorToken, answer: RogueAttack['answer']): RogueAttack => ({
  what,
  token,
  status: LOST,
  answer,
});
const stream = (what: string, token: ProtocolErrorToken, answer: RogueAttack['answer']): RogueAttack => ({
  what,
  token,
  status: INTERNAL,
  answer,
});
const flood = (what: string, token: ProtocolErrorToken, one: (id: number) => Buffer): RogueAttack => ({
  what,
  token,
  status: LOST,
  forever: true,
  answer: (id) => Buffer.concat(Array.from({ length: 200 }, () => one(id))),
});
/** A whole answer, with something in it that changes nothing. */
const fine = (what: string, answer: RogueAttack['answer']): RogueAttack => ({ what, token: null, status: 0, answer });
const whole = (id: number): Buffer =>
  Buffer.concat([headers(id, GRPC), data(id, MESSAGE), headers(id, OK, { end: true })]);

export const ROGUE_ATTACKS: Readonly<Record<string, RogueAttack>> = {
  pings: flood('a flood of PINGs', 'overhead_flood', () => ping('12345678')),
  settings: flood('a flood of SETTINGS', 'overhead_flood', () => settings([SETTING.MAX_CONCURRENT_STREAMS, 100])),
  empty_data: {
    ...flood('a flood of empty DATA', 'overhead_flood', (id) => data(id, '')),
    first: (id) => headers(id, GRPC),
  },
  interim: flood('interim answers without end', 'overhead_flood', (id) => headers(id, [[':status', '103']])),
  window_updates: flood('a flood of WINDOW_UPDATE', 'overhead_flood', (id) => windowUpdate(id, 1)),
  goaways: flood('GOAWAY again and again', 'overhead_flood', () => goaway(2 ** 31 - 1, ERROR.NO_ERROR)),
  continuation: {
    what: 'CONTINUATION without end',
    token: 'continuation_flood',
    status: LOST,
    answer: (id) =>
      Buffer.concat([frame('HEADERS', 0, id), ...Array.from({ length: 100 }, () => frame('CONTINUATION', 0, id))]),
  },
  bomb: stream('an HPACK bomb', 'header_list_too_large', (id) =>
    headers(
      id,
      Buffer.concat([literal(':status', '200'), indexedLiteral('x', 'v'.repeat(4_000)), Buffer.alloc(11_000, 0xbe)]),
    ),
  ),
  table_size: connection('a dynamic table that was not allowed', 'hpack_table_size_too_large', (id) =>
    headers(id, Buffer.concat([tableSizeUpdate(1 << 20), literal(':status', '200')])),
  ),
  padding: connection('padding longer than its DATA', 'data_padding_too_long', (id) =>
    Buffer.concat([headers(id, GRPC), frame('DATA', PADDED, id, Buffer.from([9, 0]))]),
  ),
  beyond: stream('more DATA than content-length says', 'data_beyond_content_length', (id) =>
    Buffer.concat([headers(id, [...GRPC, ['content-length', '3']]), data(id, MESSAGE)]),
  ),
  short: stream('less DATA than content-length says', 'data_short_of_content_length', (id) =>
    Buffer.concat([
      headers(id, [...GRPC, ['content-length', '30']]),
      data(id, MESSAGE),
      headers(id, OK, { end: true }),
    ]),
  ),
  overflow: connection('a connection window beyond 2^31-1', 'window_overflow_connection', () =>
    windowUpdate(0, 2 ** 31 - 1),
  ),
  stream_overflow: stream('a stream window beyond 2^31-1', 'window_overflow_stream', (id) =>
    windowUpdate(id, 2 ** 31 - 1),
  ),
  window_zero: stream('WINDOW_UPDATE of 0', 'window_update_zero', (id) => windowUpdate(id, 0)),
  idle_stream: connection('an answer to nothing', 'headers_on_idle_stream', (id) => headers(id + 1_000, GRPC)),
  push: connection('a push', 'push_promise', (id) => frame('PUSH_PROMISE', 4, id, Buffer.alloc(4))),
  frame_size: connection('a frame beyond the limit', 'frame_too_large', (id) =>
    frame('HEADERS', 4, id, Buffer.alloc(0), 1 << 20),
  ),
  split_value: stream('CR and LF in a value', 'header_value_bad', (id) =>
    headers(id, [...GRPC, ['x', 'a\r\nset-cookie: b']]),
  ),
  split_name: stream('CR and LF in a name', 'header_name_bad', (id) => headers(id, [...GRPC, ['x\r\ny', 'z']])),
  hop_by_hop: stream('headers of a connection of HTTP/1.1', 'header_connection_specific', (id) =>
    headers(id, [...GRPC, ['transfer-encoding', 'chunked']]),
  ),
  no_status: stream('no :status', 'pseudo_missing', (id) => headers(id, [['content-type', 'application/grpc']])),
  two_statuses: stream('two :status', 'pseudo_duplicate', (id) => headers(id, [[':status', '200'], ...GRPC])),
  data_first: stream('DATA before the headers', 'data_before_headers', (id) => data(id, MESSAGE)),
  bad_trailers: stream('pseudo-headers in trailers', 'pseudo_in_trailers', (id) =>
    Buffer.concat([headers(id, GRPC), headers(id, [[':status', '200']], { end: true })]),
  ),
  // Those that arrive after the call has ended: the caller has its answer, the connection ends.
  after_end: {
    ...connection('DATA after the end', 'data_on_ended_stream', (id) => Buffer.concat([whole(id), data(id, 'x')])),
    status: 0,
  },
  after_reset: {
    what: 'DATA after a reset',
    token: 'data_on_closed_stream',
    status: 8,
    answer: (id) => Buffer.concat([rstStream(id, ERROR.ENHANCE_YOUR_CALM), data(id, 'x')]),
  },
  // What is allowed, however odd (gRPC fidelity).
  padded: fine('DATA with padding in every frame', (id) =>
    Buffer.concat([
      headers(id, GRPC),
      ...[...MESSAGE].map((octet) => data(id, Buffer.from([octet]), { padding: 255 })),
      data(id, '', { padding: 0 }),
      headers(id, OK, { end: true }),
    ]),
  ),
  octets: fine('headers in many pieces, DATA of single octets', (id) =>
    Buffer.concat([
      ...cutHeaders(id, GRPC, [1, 2, 3, 10]),
      ...[...MESSAGE].map((octet) => data(id, Buffer.from([octet]))),
      ...cutHeaders(id, OK, [1, 2], true),
    ]),
  ),
  reset_after: fine('RST_STREAM NO_ERROR behind a whole answer', (id) =>
    Buffer.concat([whole(id), rstStream(id, ERROR.NO_ERROR)]),
  ),
  goaway_in_answer: fine('GOAWAY in the middle of an answer', (id) =>
    Buffer.concat([headers(id, GRPC), goaway(id, ERROR.NO_ERROR), data(id, MESSAGE), headers(id, OK, { end: true })]),
  ),
  streams_change: fine('MAX_CONCURRENT_STREAMS that falls to 0 and rises in the middle of an answer', (id) =>
    Buffer.concat([
      headers(id, GRPC),
      settings([SETTING.MAX_CONCURRENT_STREAMS, 0]),
      data(id, MESSAGE),
      settings([SETTING.MAX_CONCURRENT_STREAMS, 1]),
      headers(id, OK, { end: true }),
    ]),
  ),
  pings_in_answer: fine('a hundred PINGs in the middle of an answer', (id) =>
    Buffer.concat([
      headers(id, GRPC),
      ...Array.from({ length: 100 }, () => ping('12345678')),
      data(id, MESSAGE),
      headers(id, OK, { end: true }),
    ]),
  ),
  reset_before: {
    what: 'RST_STREAM before the headers',
    token: null,
    status: INTERNAL,
    answer: (id) => rstStream(id, ERROR.INTERNAL_ERROR),
  },
  reset_in: {
    what: 'RST_STREAM in the middle of the answer',
    token: null,
    status: 1,
    answer: (id) => Buffer.concat([headers(id, GRPC), data(id, MESSAGE), rstStream(id, ERROR.CANCEL)]),
  },
  no_grpc_status: {
    what: 'an answer without grpc-status',
    token: null,
    status: 2,
    answer: (id) => Buffer.concat([headers(id, GRPC), data(id, MESSAGE), headers(id, [['x', 'y']], { end: true })]),
  },
};
