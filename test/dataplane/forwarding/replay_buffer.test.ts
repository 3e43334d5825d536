import test from 'ava';
import fc from 'fast-check';
import { ReplayBuffer } from '../../../src/dataplane/forwarding/replay_buffer.ts';
import type { Stream } from '../../../src/http2/streams/stream.ts';
import { holds } from '../../support/wire_property.ts';

interface Sent {
  readonly octets: Buffer;
  readonly end: boolean;
  readonly owed: boolean;
  readonly held: boolean;
}

/** A stream that writes down the DATA that it is given. */
function recorder(): { to: Stream; sent: Sent[] } {
  const sent: Sent[] = [];
  const data = (_to: Stream, buf: Buffer, start: number, stop: number, end: boolean, source: unknown, held: boolean) =>
    void sent.push({ octets: Buffer.from(buf.subarray(start, stop)), end, owed: source !== null, held });
  return { to: { connection: { data } } as unknown as Stream, sent };
}
const SOURCE = {} as Stream;

test('octets that come one by one are kept together', (t) => {
  const buffer = new ReplayBuffer();
  const body = Buffer.from(Array.from({ length: 60_000 }, (_, i) => i % 251));
  for (let i = 0; i < body.length; i++) buffer.add(body, i, i + 1);
  const { to, sent } = recorder();
  buffer.send(to, true, SOURCE, 0, 0);
  t.true(Buffer.concat(sent.map(({ octets }) => octets)).equals(body));
  t.true(sent.length < 20, `${sent.length} pieces`);
});

test('whatever the pieces, the body arrives whole and each octet is owed for as the attempt before has left it', async (t) => {
  const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 20_000 })), {
    minLength: 1,
    maxLength: 30,
  });
  const property = fc.property(sizes, fc.nat(), fc.nat(), (lengths, a, b) => {
    const body = Buffer.from(
      Array.from({ length: lengths.reduce((sum, length) => sum + length, 0) }, (_, i) => i % 251),
    );
    const credited = a % (body.length + 1);
    const settled = credited + (b % (body.length - credited + 1));
    const buffer = new ReplayBuffer();
    let at = 0;
    for (const length of lengths) {
      buffer.add(body, at, at + length);
      at += length;
    }
    const { to, sent } = recorder();
    buffer.send(to, true, SOURCE, credited, settled);
    if (!Buffer.concat(sent.map(({ octets }) => octets)).equals(body)) throw new Error('not the body');
    let position = 0;
    for (const [i, { octets, end, owed, held }] of sent.entries()) {
      if (end !== (i === sent.length - 1)) throw new Error('END_STREAM is not on the last piece alone');
      for (let k = 0; k < octets.length; k++, position++) {
        if (owed !== position >= credited) throw new Error(`octet ${position}: owed ${owed}`);
        if (held !== (position >= credited && position < settled)) throw new Error(`octet ${position}: held ${held}`);
      }
    }
  });
  await holds(t, property);
});
