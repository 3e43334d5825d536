/*
 * What an app, or whoever sits in its place, can do to a sidecar: each attack is what one connection sends. `attacker.ts` runs them in a
 * process of its own.
 */

import { ERROR, SETTING } from '../../src/http2/frame/codes.ts';
import type { ProtocolErrorToken } from '../../src/http2/protocol_errors.ts';
import type { AttackConnection } from './attacker.ts';
import {
  CLIENT_PREFACE,
  data,
  END_HEADERS,
  END_STREAM,
  type Fields,
  frame,
  headers,
  indexedLiteral,
  literal,
  PADDED,
  ping,
  priority,
  rstStream,
  settings,
  tableSizeUpdate,
  uint32,
  windowUpdate,
} from './wire_frames.ts';

/** How the sidecar must answer: the connection ends, streams end, requests are answered with a status; or nothing is wrong at all. */
export interface Expected {
  readonly goaway?: keyof typeof ERROR;
  readonly reset?: keyof typeof ERROR;
  readonly status?: string;
  /** Each is counted. */
  readonly tokens: readonly ProtocolErrorToken[];
}

export interface Attack {
  readonly what: string;
  readonly expected: Expected;
  /** Connections, one after the other; 3 when not given. */
  readonly rounds?: number;
  /** The first octets are the attack's own affair. */
  readonly silent?: boolean;
  /** Sends; returns when the sidecar has ended the connection or the attack has nothing more to send. */
  readonly run: (connection: AttackConnection) => Promise<void>;
}

const CALL: Fields = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/outrigger.test.Echo/Unary'],
  [':authority', 'echo'],
  ['content-type', 'application/grpc'],
  ['te', 'trailers'],
];
const without = (name: string): Fields => CALL.filter(([known]) => known !== name);
/** A call that the instance does not answer for a while. */
const HANGING: Fields = [...CALL, ['echo-sleep-ms', '20000']];
/** A message of gRPC with a payload of one octet. */
const MESSAGE = Buffer.from([0, 0, 0, 0, 3, 0x0a, 1, 0x78]);
const KIB = 1024;

/** Sends portions for ever, the i-th with its stream id: ends when the sidecar ends it, or after `most`. */
const flood =
  (portion: (id: number) => Buffer, { before = [] as Buffer[], each = 100, most = 2_000 } = {}) =>
  async (connection: AttackConnection): Promise<void> => {
    await connection.settled();
    connection.send(...before);
    // Stream 1 may be open from before.
    for (let i = 0; i < most && !connection.ended; i++) {
      const portions = Array.from({ length: each }, (_, k) => portion(2 * (i * each + k) + 3));
      await connection.push(Buffer.concat(portions));
    }
  };
const OPEN = [headers(1, HANGING)];
const overhead = (what: string, portion: (id: number) => Buffer, before: Buffer[] = OPEN): Attack => ({
  what,
  expected: { goaway: 'ENHANCE_YOUR_CALM', tokens: ['overhead_flood'] },
  run: flood(portion, { before }),
});
/** MadeYouReset (CVE-2025-8671): the sidecar itself resets each stream, for something that its client did to it. */
const provoked = (what: string, token: ProtocolErrorToken, portion: (id: number) => Buffer): Attack => ({
  what: `MadeYouReset: ${what}`,
  expected: { goaway: 'ENHANCE_YOUR_CALM', tokens: ['reset_flood', token] },
  run: flood(portion),
});
/** One thing after which the connection ends. */
const fatal = (what: string, goaway: keyof typeof ERROR, token: ProtocolErrorToken, ...send: Buffer[]): Attack => ({
  what,
  expected: { goaway, tokens: [token] },
  run: async (connection) => {
    await connection.settled();
    connection.send(...send);
    await connection.end();
  },
});
/** Requests that are each reset, while their connection goes on. */
const malformed = (what: string, token: ProtocolErrorToken, ...requests: Fields[]): Attack => ({
  what,
  expected: { reset: 'PROTOCOL_ERROR', tokens: [token] },
  rounds: 1,
  run: async (connection) => {
    requests.forEach((fields, i) => void connection.send(headers(2 * i + 1, fields, { end: true })));
    await connection.sync();
    const unharmed = requests.length - connection.resets;
    if (unharmed > 0) throw new Error(`${unharmed} of ${requests.length} were not reset`);
  },
});
const BOMB = Buffer.concat([
  ...CALL.map(([name, value]) => literal(name, value)),
  indexedLiteral('x', 'v'.repeat(4_000)),
  Buffer.alloc(11_000, 0xbe),
]);

const blockOf = (fields: Fields): Buffer => Buffer.concat(fields.map(([name, value]) => literal(name, value)));
/** A list of 80 KB in a block of 20: each field counts 32 octets more than it has. */
const LONG_LIST = blockOf([...CALL, ...Array.from({ length: 2_000 }, (_, i) => [`x${i}`, 'v'] as const)]);
const LARGE_LIST = blockOf([...HANGING, ...Array.from({ length: 30 }, (_, i) => [`x-${i}`, 'v'.repeat(KIB)] as const)]);

export const ATTACKS: Readonly<Record<string, Attack>> = {
  // Resets

  rapid_reset: {
    what: 'rapid reset: streams opened and reset in a loop (CVE-2023-44487)',
    expected: { goaway: 'ENHANCE_YOUR_CALM', tokens: ['reset_flood'] },
    run: flood((id) => Buffer.concat([headers(id, HANGING, { end: true }), rstStream(id, ERROR.CANCEL)])),
  },
  slow_reset: {
    what: 'slow reset: thousands of streams that are reset when they do not count as rapid any more',
    expected: { tokens: [] },
    rounds: 1,
    run: async (connection) => {
      for (let round = 0; round < 4 && !connection.ended; round++) {
        const ids = Array.from({ length: 1_500 }, (_, i) => 2 * (1_500 * round + i) + 1);
        await connection.push(
          Buffer.concat(ids.map((id) => Buffer.concat([headers(id, HANGING), data(id, MESSAGE, { end: true })]))),
        );
        await connection.pause(150);
        await connection.push(Buffer.concat(ids.map((id) => rstStream(id, ERROR.CANCEL))));
      }
      await connection.sync();
    },
  },
  provoked_window_update: provoked('WINDOW_UPDATE of 0', 'window_update_zero', (id) =>
    Buffer.concat([headers(id, HANGING), windowUpdate(id, 0)]),
  ),
  provoked_overflow: provoked('a window beyond 2^31-1', 'window_overflow_stream', (id) =>
    Buffer.concat([headers(id, HANGING), windowUpdate(id, 2 ** 31 - 1)]),
  ),
  provoked_content_length: provoked('more DATA than content-length says', 'data_beyond_content_length', (id) =>
    Buffer.concat([headers(id, [...HANGING, ['content-length', '1']]), data(id, 'xx')]),
  ),
  provoked_short: provoked('less DATA than content-length says', 'data_short_of_content_length', (id) =>
    Buffer.concat([headers(id, [...HANGING, ['content-length', '9']]), data(id, 'xx', { end: true })]),
  ),
  provoked_half_closed: provoked('HEADERS on a half-closed stream', 'headers_after_end_stream', (id) =>
    Buffer.concat([headers(id, HANGING, { end: true }), headers(id, [['x', 'y']], { end: true })]),
  ),
  provoked_data_half_closed: provoked('DATA on a half-closed stream', 'data_on_closed_stream', (id) =>
    Buffer.concat([headers(id, HANGING, { end: true }), data(id, 'x')]),
  ),
  provoked_malformed: provoked('malformed requests', 'header_name_bad', (id) => headers(id, [...CALL, ['Bad', 'x']])),
  provoked_self_dependency: provoked('PRIORITY on itself', 'priority_self_dependency', (id) =>
    Buffer.concat([headers(id, HANGING), priority(id, id)]),
  ),
  provoked_window: {
    what: 'MadeYouReset: DATA beyond the window of each stream',
    expected: { reset: 'FLOW_CONTROL_ERROR', tokens: ['data_beyond_stream_window'] },
    rounds: 1,
    run: async (connection) => {
      for (let i = 0; i < 20 && !connection.ended; i++) {
        const id = 2 * i + 1;
        // The instance waits with its answer, and reads meanwhile: what it read is credited, so that it takes more than one window.
        connection.send(headers(id, HANGING));
        for (let k = 0; k < 80; k++) await connection.push(data(id, Buffer.alloc(16 * KIB)));
        await connection.sync();
      }
    },
  },

  // Header blocks

  continuation_empty: {
    what: 'CONTINUATION frames without end (CVE-2024-27316)',
    expected: { goaway: 'ENHANCE_YOUR_CALM', tokens: ['continuation_flood'] },
    run: flood(() => frame('CONTINUATION', 0, 1, literal('x', 'y')), { before: [frame('HEADERS', 0, 1)] }),
  },
  continuation_large: {
    what: 'a header block without end',
    expected: { goaway: 'ENHANCE_YOUR_CALM', tokens: ['header_block_too_large'] },
    run: flood(() => frame('CONTINUATION', 0, 1, Buffer.alloc(16 * KIB)), {
      before: [frame('HEADERS', 0, 1)],
      each: 1,
    }),
  },
  hpack_bomb: {
    what: 'HPACK bombs: 15 KB that decode to 44 MB',
    expected: { goaway: 'ENHANCE_YOUR_CALM', status: '431', tokens: ['header_list_too_large', 'reset_flood'] },
    run: flood((id) => headers(id, BOMB, { end: true }), { each: 10 }),
  },
  header_list: {
    what: 'header lists beyond the limit',
    expected: { goaway: 'ENHANCE_YOUR_CALM', status: '431', tokens: ['header_list_too_large', 'reset_flood'] },
    run: flood((id) => largeHeaders(id, LONG_LIST, END_STREAM), { each: 20 }),
  },
  held_headers: {
    what: 'thousands of open requests with header lists of 30 KB each',
    expected: { reset: 'REFUSED_STREAM', tokens: ['headers_beyond_limit'] },
    rounds: 1,
    run: flood((id) => largeHeaders(id, LARGE_LIST, 0), { each: 5, most: 300 }),
  },
  table_size: fatal(
    'a dynamic table size beyond what was allowed',
    'COMPRESSION_ERROR',
    'hpack_table_size_too_large',
    headers(1, Buffer.concat([tableSizeUpdate(1 << 20), ...CALL.map(([name, value]) => literal(name, value))])),
  ),
  table_size_updates: fatal(
    'table size updates without end',
    'COMPRESSION_ERROR',
    'hpack_table_size_update_flood',
    headers(1, Buffer.alloc(16 * KIB, 0x20)),
  ),
  table_churn: {
    what: 'a dynamic table that is emptied and filled with every request',
    expected: { status: '200', tokens: [] },
    rounds: 1,
    run: async (connection) => {
      await flood(
        (id) =>
          Buffer.concat([
            headers(
              id,
              Buffer.concat([
                tableSizeUpdate(0),
                tableSizeUpdate(4096),
                ...CALL.map(([name, value]) => indexedLiteral(name, value)),
                indexedLiteral('x-churn', String(id)),
              ]),
            ),
            data(id, MESSAGE, { end: true }),
          ]),
        { each: 50, most: 40 },
      )(connection);
      await connection.sync();
    },
  },

  // Floods of frames that carry nothing

  settings_flood: overhead('a flood of SETTINGS', () => settings()),
  settings_windows: overhead(
    'SETTINGS that move the windows of a thousand streams to and fro',
    (id) => settings([SETTING.INITIAL_WINDOW_SIZE, 60_000 + (id & 2)]),
    [Buffer.concat(Array.from({ length: 1_000 }, (_, i) => headers(2 * i + 1, HANGING)))],
  ),
  ping_flood: overhead('a flood of PINGs', () => ping('12345678')),
  pong_flood: overhead('answers to PINGs that were never sent', () => ping('12345678', true)),
  empty_data: overhead('a flood of empty DATA', () => data(1, '')),
  padding_only: overhead('a flood of DATA that is all padding', () => data(1, '', { padding: 1 })),
  priority_flood: overhead('a flood of PRIORITY', () => priority(101, 0)),
  window_update_flood: overhead('a flood of WINDOW_UPDATE on a stream', () => windowUpdate(1, 1)),
  connection_window_flood: overhead('a flood of WINDOW_UPDATE on the connection', () => windowUpdate(0, 1)),
  unknown_flood: overhead('a flood of frames of an unknown type', () => frame(0xfa, 0, 0)),
  closed_flood: overhead('a flood of RST_STREAM on a closed stream', () => rstStream(1, ERROR.CANCEL), [
    ...OPEN,
    rstStream(1, ERROR.CANCEL),
  ]),

  // Windows

  window_dribble: {
    what: 'windows that open octet by octet (CVE-2019-9511)',
    expected: { goaway: 'ENHANCE_YOUR_CALM', tokens: ['overhead_flood'] },
    run: async (connection) => {
      connection.send(settings([SETTING.INITIAL_WINDOW_SIZE, 0]));
      connection.send(headers(1, [...CALL, ['echo-reply-bytes', '100000']]), data(1, MESSAGE, { end: true }));
      await connection.received('HEADERS');
      await flood(() => windowUpdate(1, 1))(connection);
    },
  },
  window_overflow: fatal(
    'a connection window beyond 2^31-1',
    'FLOW_CONTROL_ERROR',
    'window_overflow_connection',
    windowUpdate(0, 2 ** 31 - 1),
  ),
  connection_window: {
    what: 'DATA beyond the window of the connection',
    expected: { goaway: 'FLOW_CONTROL_ERROR', tokens: ['data_beyond_connection_window'] },
    rounds: 1,
    // To a service without instances: what it gets waits, and is not credited beyond what may be held.
    run: flood(
      (id) =>
        Buffer.concat([headers(id, HANGING), ...Array.from({ length: 16 }, () => data(id, Buffer.alloc(16 * KIB)))]),
      {
        each: 1,
        most: 2_000,
      },
    ),
  },

  // Small frames

  octet_by_octet: {
    what: 'a connection whose every octet comes alone',
    expected: { status: '200', tokens: [] },
    rounds: 1,
    silent: true,
    run: async (connection) => {
      const octets = Buffer.concat([
        CLIENT_PREFACE,
        settings(),
        headers(1, CALL),
        data(1, MESSAGE, { end: true, padding: 5 }),
      ]);
      for (const octet of octets) await connection.push(Buffer.from([octet]));
      await connection.received('HEADERS');
    },
  },
  one_octet_frames: {
    what: 'uploads in DATA frames of one octet, to instances that do not answer',
    expected: { tokens: [] },
    rounds: 1,
    run: async (connection) => {
      connection.send(...Array.from({ length: 20 }, (_, i) => headers(2 * i + 1, HANGING)));
      const portion = Buffer.concat(Array.from({ length: 1_000 }, (_, k) => data(2 * (k % 20) + 1, Buffer.from([0]))));
      for (let i = 0; i < 200 && !connection.ended; i++) await connection.push(portion);
      await connection.sync();
    },
  },

  // Connections

  half_closed: {
    what: 'connections that are half closed with calls open',
    expected: { tokens: [] },
    rounds: 50,
    run: async (connection) => {
      connection.send(headers(1, HANGING), headers(3, HANGING, { end: true }));
      await connection.sync();
      connection.finish();
      await connection.end();
    },
  },

  // What is no HTTP/2

  content_length: malformed(
    'broken content-length',
    'header_content_length',
    [...CALL, ['content-length', '+1']],
    [...CALL, ['content-length', '1'], ['content-length', '2']],
  ),
  smuggled_values: malformed(
    'smuggling: CR, LF or NUL in a value',
    'header_value_bad',
    ...['a\r\nx: y', 'a\nb', 'a\rb', 'a\0b', ' a', 'a\t'].map((value): Fields => [...CALL, ['x', value]]),
  ),
  smuggled_names: malformed(
    'smuggling: CR, LF, NUL, upper case, spaces or colons in a name',
    'header_name_bad',
    ...['a\r\nx', 'a\nb', 'a\0b', 'Host', 'a b', 'a:b', ''].map((name): Fields => [...CALL, [name, 'y']]),
  ),
  hop_by_hop: malformed(
    'smuggling: headers of a connection of HTTP/1.1',
    'header_connection_specific',
    ...['connection', 'transfer-encoding', 'upgrade', 'keep-alive', 'proxy-connection'].map(
      (name): Fields => [...CALL, [name, 'chunked']],
    ),
  ),
  two_hosts: malformed(
    'smuggling: a host that is not the authority, or an empty one',
    'pseudo_authority_bad',
    [...CALL, ['host', 'other']],
    [...without(':authority'), [':authority', '']],
    [...without(':authority'), ['host', 'a'], ['host', 'b']],
  ),
  pseudo_order: malformed('a pseudo-header behind a header', 'pseudo_after_regular', [
    ...without(':path'),
    [':path', '/outrigger.test.Echo/Unary'],
  ]),
  pseudo_twice: malformed(
    'pseudo-headers that come twice',
    'pseudo_duplicate',
    ...[':method', ':scheme', ':path', ':authority'].map((name): Fields => [[name, '/x'], ...CALL]),
  ),
  pseudo_missing: malformed(
    'pseudo-headers that are missing',
    'pseudo_missing',
    ...[':method', ':scheme', ':path'].map(without),
  ),
  pseudo_unknown: malformed(
    'pseudo-headers that there are not',
    'pseudo_unknown',
    [[':status', '200'], ...CALL],
    [[':evil', 'x'], ...CALL],
  ),
  id_reuse: fatal(
    'a stream id that is used again',
    'STREAM_CLOSED',
    'headers_on_closed_stream',
    headers(1, CALL),
    rstStream(1, ERROR.CANCEL),
    headers(1, CALL),
  ),
  id_backwards: fatal(
    'stream ids that go backwards',
    'PROTOCOL_ERROR',
    'stream_id_backwards',
    headers(5, HANGING),
    headers(3, HANGING),
  ),
  id_even: fatal('a stream id of servers', 'PROTOCOL_ERROR', 'stream_id_even', headers(2, CALL)),
  closed_stream: {
    what: 'DATA on a closed stream',
    expected: { reset: 'STREAM_CLOSED', tokens: ['data_on_closed_stream'] },
    run: async (connection) => {
      connection.send(headers(1, CALL), rstStream(1, ERROR.CANCEL), data(1, 'x'));
      await connection.sync();
    },
  },
  data_padding: fatal(
    'padding longer than its DATA',
    'PROTOCOL_ERROR',
    'data_padding_too_long',
    headers(1, HANGING),
    frame('DATA', PADDED, 1, Buffer.from([200, 0, 0])),
  ),
  headers_padding: fatal(
    'padding longer than its HEADERS',
    'PROTOCOL_ERROR',
    'headers_padding_too_long',
    frame('HEADERS', PADDED | END_HEADERS | END_STREAM, 1, Buffer.from([200, 0, 0])),
  ),
  frame_size: fatal(
    'a frame beyond the limit',
    'FRAME_SIZE_ERROR',
    'frame_too_large',
    frame('DATA', 0, 1, uint32(0), 1 << 20),
  ),
  preface: {
    ...fatal('a wrong preface', 'PROTOCOL_ERROR', 'preface_bad', Buffer.from('PRI * HTTP/2.0\r\n\r\nXX')),
    silent: true,
  },

  // Time

  preface_unfinished: {
    ...fatal(
      'a preface that is never finished',
      'SETTINGS_TIMEOUT',
      'settings_timeout',
      CLIENT_PREFACE.subarray(0, 20),
    ),
    rounds: 1,
    silent: true,
  },
  headers_unfinished: {
    ...fatal('a header block that is never finished', 'ENHANCE_YOUR_CALM', 'frame_timeout', frame('HEADERS', 0, 1)),
    rounds: 1,
  },
  frame_unfinished: {
    what: 'a frame that comes an octet at a time and takes for ever',
    expected: { goaway: 'ENHANCE_YOUR_CALM', tokens: ['frame_timeout'] },
    rounds: 1,
    run: async (connection) => {
      await connection.settled();
      for (const octet of frame('HEADERS', 0, 1, Buffer.alloc(16 * KIB))) {
        if (connection.ended) break;
        await connection.push(Buffer.from([octet]));
        await connection.pause(100);
      }
    },
  },
  zero_window: {
    what: 'windows that stay shut before large answers (zero-window stall)',
    expected: { reset: 'ENHANCE_YOUR_CALM', tokens: ['stream_stalled'] },
    rounds: 1,
    run: async (connection) => {
      connection.send(settings([SETTING.INITIAL_WINDOW_SIZE, 0]));
      for (let i = 0; i < 300; i++) {
        const id = 2 * i + 1;
        connection.send(headers(id, [...CALL, ['echo-reply-bytes', '300000']]), data(id, MESSAGE, { end: true }));
      }
      await connection.received('RST_STREAM', 300);
    },
  },
  slow_read: {
    what: 'a client with huge windows that reads nothing',
    // GOAWAY stands behind what it does not read.
    expected: { tokens: ['connection_stalled'] },
    rounds: 1,
    run: async (connection) => {
      connection.send(settings([SETTING.INITIAL_WINDOW_SIZE, 2 ** 31 - 1]), windowUpdate(0, 2 ** 30));
      connection.stopReading();
      for (let i = 0; i < 300; i++) {
        const id = 2 * i + 1;
        connection.send(headers(id, [...CALL, ['echo-reply-bytes', '300000']]), data(id, MESSAGE, { end: true }));
      }
      await connection.pause(8_000);
      connection.readAgain();
      await connection.end();
    },
  },
  idle: {
    what: 'a connection without a request',
    expected: { goaway: 'NO_ERROR', tokens: [] },
    rounds: 1,
    run: (connection) => connection.end(),
  },
};

/** HEADERS, with CONTINUATION when it takes them. */
function largeHeaders(id: number, block: Buffer, end: number): Buffer {
  const frames: Buffer[] = [];
  for (let at = 0; at < block.length; at += 16 * KIB) {
    const last = at + 16 * KIB >= block.length ? END_HEADERS : 0;
    const part = block.subarray(at, at + 16 * KIB);
    frames.push(at === 0 ? frame('HEADERS', end | last, id, part) : frame('CONTINUATION', last, id, part));
  }
  return Buffer.concat(frames);
}
