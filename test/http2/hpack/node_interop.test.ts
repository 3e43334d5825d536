import { once } from 'node:events';
import http2 from 'node:http2';
import net from 'node:net';
import test from 'ava';
import { HpackDecoder } from '../../../src/http2/hpack/decoder.ts';
import { HpackEncoder } from '../../../src/http2/hpack/encoder.ts';
import { HeaderList } from '../../../src/http2/hpack/header_list.ts';

const HEADERS = 1;
const SETTINGS = 4;
const CONTINUATION = 9;
const END_STREAM = 1;
const END_HEADERS = 4;
const ACK = 1;
const SETTINGS_HEADER_TABLE_SIZE = 1;

interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(payload.length, 0, 3);
  header.writeUInt8(type, 3);
  header.writeUInt8(flags, 4);
  header.writeUInt32BE(stream, 5);
  return Buffer.concat([header, payload]);
}

function tableSizeSetting(size: number): Buffer {
  const payload = Buffer.alloc(6);
  payload.writeUInt16BE(SETTINGS_HEADER_TABLE_SIZE, 0);
  payload.writeUInt32BE(size, 2);
  return frame(SETTINGS, 0, 0, payload);
}

/** Calls back for each whole frame that arrives, behind `skip` octets of preface. */
function onFrames(socket: net.Socket, skip: number, each: (frame: Frame) => void): void {
  let rest: Buffer = Buffer.alloc(0);
  let toSkip = skip;
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    if (rest.length < toSkip) return;
    rest = rest.subarray(toSkip);
    toSkip = 0;
    while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
      const end = 9 + rest.readUIntBE(0, 3);
      each({
        type: rest.readUInt8(3),
        flags: rest.readUInt8(4),
        stream: rest.readUInt32BE(5) & 0x7fff_ffff,
        payload: rest.subarray(9, end),
      });
      rest = rest.subarray(end);
    }
  });
}

/** Values that visible and upper octets go into, some longer when Huffman-coded than not, all new or all repeated by turns. */
function headersOf(turn: number): [string, string][] {
  return [
    ['x-turn', String(turn)],
    ['x-stable', 'the same each time'],
    ['x-octets', Array.from({ length: 128 }, (_, i) => String.fromCharCode(128 + i)).join('')],
    [
      'x-one-octet',
      `${'a'.repeat(40)}${String.fromCharCode(33 + (turn % 94))}${String.fromCharCode(128 + (turn % 128))}e`,
    ],
    ['x-by-turns', turn % 2 === 0 ? 'even' : 'odd'],
    ['x-long', 'l'.repeat(turn * 10)],
  ];
}

/** Names that arrived as never indexed; the types only know the symbol for headers that are sent. */
function sensitiveOf(headers: http2.IncomingHttpHeaders): unknown {
  return Reflect.get(headers, http2.sensitiveHeaders);
}

test('a node:http2 server understands our blocks, also while it changes the table size', async (t) => {
  const server = http2.createServer({ settings: { headerTableSize: 300 } });
  const seen: http2.IncomingHttpHeaders[] = [];
  server.on('session', (session) => session.on('error', () => {}));
  server.on('stream', (stream, headers) => {
    seen.push(headers);
    stream.respond({ ':status': 204 }, { endStream: true });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1');
  const encoder = new HpackEncoder();
  const responses = new HpackDecoder(4096, 65_536);
  const turns = 200;
  let answered = 0;

  const sendRequest = (turn: number): void => {
    const list = new HeaderList(
      [':method', 'GET', ':scheme', 'http', ':path', `/turn/${turn % 7}`, ':authority', 'localhost'].concat(
        ...headersOf(turn),
      ),
      [10], // x-stable
    );
    const out = Buffer.alloc(HpackEncoder.bound(list));
    const end = encoder.encode(list, out, 0);
    socket.write(frame(HEADERS, END_STREAM | END_HEADERS, 2 * turn + 1, out.subarray(0, end)));
  };

  const done = new Promise<void>((resolve, reject) => {
    onFrames(socket, 0, ({ type, flags, payload }) => {
      if (type === SETTINGS && (flags & ACK) === 0) {
        for (let i = 0; i < payload.length; i += 6)
          if (payload.readUInt16BE(i) === SETTINGS_HEADER_TABLE_SIZE)
            encoder.setPeerMaxTableSize(payload.readUInt32BE(i + 2));
        socket.write(frame(SETTINGS, ACK, 0, Buffer.alloc(0)));
        if (answered === 0) sendRequest(0);
      } else if (type === HEADERS) {
        t.is(responses.decode(payload, 0, payload.length)?.get(':status'), '204');
        answered++;
        if (answered === turns) resolve();
        else sendRequest(answered);
      } else if (type === 3 || type === 7) reject(new Error(`frame ${type}: ${payload.toString('latin1')}`));
    });
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('the server closed the connection')));
  });
  socket.write(
    Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(SETTINGS, 0, 0, Buffer.alloc(0))]),
  );
  await done;
  socket.removeAllListeners('close').destroy();
  server.close();

  t.is(seen.length, turns);
  seen.forEach((headers, turn) => {
    t.is(headers[':path'], `/turn/${turn % 7}`);
    for (const [name, value] of headersOf(turn)) t.is(headers[name], value);
    t.deepEqual(sensitiveOf(headers), ['x-stable']);
  });
});

for (const tableSize of [4096, 0, 200, 65_536]) {
  test(`we understand the blocks of a node:http2 client that was allowed a table of ${tableSize} octets`, async (t) => {
    const turns = 200;
    const decoder = new HpackDecoder(4096, 65_536);
    const encoder = new HpackEncoder();
    const lists: (HeaderList | null)[] = [];
    const server = net.createServer((socket) => {
      const parts: Buffer[] = [];
      socket.write(tableSizeSetting(tableSize));
      onFrames(socket, 24, ({ type, flags, stream, payload }) => {
        if (type === SETTINGS && (flags & ACK) === 0) socket.write(frame(SETTINGS, ACK, 0, Buffer.alloc(0)));
        else if (type === SETTINGS) decoder.setMaxTableSize(tableSize);
        else if (type === HEADERS || type === CONTINUATION) {
          // PRIORITY octets may stand before the block.
          parts.push(type === HEADERS && (flags & 0x20) !== 0 ? payload.subarray(5) : payload);
          if ((flags & END_HEADERS) === 0) return;
          const block = Buffer.concat(parts.splice(0));
          lists.push(decoder.decode(block, 0, block.length));
          const answer = new HeaderList([':status', '204']);
          const out = Buffer.alloc(HpackEncoder.bound(answer));
          socket.write(
            frame(HEADERS, END_STREAM | END_HEADERS, stream, out.subarray(0, encoder.encode(answer, out, 0))),
          );
        }
      });
      socket.on('error', () => {});
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = http2.connect(`http://127.0.0.1:${(server.address() as net.AddressInfo).port}`);
    for (let turn = 0; turn < turns; turn++) {
      const headers: http2.OutgoingHttpHeaders = {
        ':method': 'GET',
        ':path': `/turn/${turn % 7}`,
        ...Object.fromEntries(headersOf(turn)),
        'x-secret': 'hidden',
        [http2.sensitiveHeaders]: ['x-secret'],
      };
      const request = client.request(headers);
      request.resume();
      await once(request, 'close');
    }
    client.close();
    await once(client, 'close');
    server.close();

    t.is(decoder.error, '');
    t.is(lists.length, turns);
    lists.forEach((list, turn) => {
      t.is(list?.get(':path'), `/turn/${turn % 7}`);
      for (const [name, value] of headersOf(turn)) t.is(list?.get(name), value, name);
      t.deepEqual(list?.neverIndexed, [(list?.fields ?? []).indexOf('x-secret')]);
    });
  });
}
