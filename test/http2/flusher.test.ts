import { Duplex } from 'node:stream';
import test from 'ava';
import { Flusher } from '../../src/http2/flusher.ts';
import { DOWNSTREAM_LIMITS } from '../../src/http2/limits.ts';
import { Sender } from '../../src/http2/sender.ts';

/** A socket that counts the writes it is given, and completes them when told. */
class CountingSocket extends Duplex {
  readonly writes: number[] = [];
  readonly #completions: (() => void)[] = [];
  override _read(): void {}
  override _write(chunk: Buffer, _encoding: unknown, done: () => void): void {
    this.writes.push(chunk.length);
    this.#completions.push(done);
  }
  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    this.writes.push(chunks.reduce((sum, { chunk }) => sum + chunk.length, 0));
    this.#completions.push(done);
  }
  complete(): void {
    this.#completions.shift()?.();
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
const sender = (socket: Duplex, flusher: Flusher): Sender =>
  new Sender(
    socket,
    flusher,
    () => {},
    () => {},
    DOWNSTREAM_LIMITS,
    () => {},
  );
const PING = Buffer.from('12345678');

test('however many frames a turn appends, a connection writes once', async (t) => {
  const flusher = new Flusher();
  const sockets = [new CountingSocket(), new CountingSocket(), new CountingSocket()];
  const senders = sockets.map((socket) => sender(socket, flusher));
  for (let i = 0; i < 100; i++) {
    for (const each of senders) {
      each.ping(false, PING, 0);
      each.windowUpdate(1, 5);
    }
    await Promise.resolve();
  }
  t.deepEqual(
    sockets.map((socket) => socket.writes),
    [[], [], []],
  );
  await turn();
  t.deepEqual(
    sockets.map((socket) => socket.writes),
    [[3000], [3000], [3000]],
  );
});

/** A flusher on a clock that the test sets, and a connection that reads and answers. */
function quiet() {
  let now = 0;
  const socket = new CountingSocket();
  socket._write = (chunk, _encoding, done) => {
    socket.writes.push(chunk.length);
    done();
  };
  const flusher = new Flusher(
    () => {},
    () => now,
  );
  const each = sender(socket, flusher);
  const read = (): void => {
    flusher.received(1);
    each.ping(false, PING, 0);
  };
  /** How many writes there have been when a read is over, and what follows from it by itself. */
  const writesAfterRead = async (pause: number): Promise<number> => {
    now += pause;
    read();
    await Promise.resolve();
    await Promise.resolve();
    return socket.writes.length;
  };
  return { read, writesAfterRead, socket };
}

test('while turns have one read each, what it makes is written at its end', async (t) => {
  const { read, writesAfterRead, socket } = quiet();
  for (let turns = 0; turns < 32; turns++) {
    t.is(await writesAfterRead(1), turns);
    await turn();
  }
  for (let reads = 33; reads < 50; reads++) t.is(await writesAfterRead(1), reads);
  read();
  read();
  await turn();
  t.is(socket.writes.at(-1), 34, 'what is read before anything else runs goes out together all the same');
});

test('a turn with several reads keeps the writes together, also when they have been apart', async (t) => {
  const { read, writesAfterRead, socket } = quiet();
  for (let turns = 0; turns < 100; turns++) {
    read();
    if (turns % 10 === 0) read();
    await Promise.resolve();
    t.is(socket.writes.length, turns);
    await turn();
  }
  for (let turns = 0; turns < 32; turns++) {
    await writesAfterRead(1);
    await turn();
  }
  const before = socket.writes.length;
  // Reads that follow each other at once: the first few are written apart.
  for (let reads = 1; reads <= 4; reads++) t.is(await writesAfterRead(0.001), before + reads);
  t.is(await writesAfterRead(0.001), before + 4);
  t.is(await writesAfterRead(0.001), before + 4);
  await turn();
  t.is(socket.writes.length, before + 5);
});

test('buffers that were chained, and payloads that were not copied, go out in the same one write', async (t) => {
  const socket = new CountingSocket();
  const each = sender(socket, new Flusher());
  each.raw(Buffer.alloc(100));
  each.raw(Buffer.alloc(50_000));
  for (let i = 0; i < 4000; i++) each.ping(false, PING, 0);
  await turn();
  t.deepEqual(socket.writes, [100 + 50_000 + 4000 * 17]);
});

test('while a write is under way nothing else is written; its completion writes all that came meanwhile', async (t) => {
  const socket = new CountingSocket();
  const each = sender(socket, new Flusher());
  each.ping(false, PING, 0);
  await turn();
  for (let i = 0; i < 10; i++) {
    each.ping(false, PING, 0);
    await turn();
  }
  t.deepEqual(socket.writes, [17]);
  socket.complete();
  await turn();
  t.deepEqual(socket.writes, [17, 170]);
  socket.complete();
  await turn();
  t.deepEqual(socket.writes, [17, 170]);
});

test('the end of the turn is told once, after everything has been handed to the sockets', async (t) => {
  const seen: number[][] = [];
  const socket = new CountingSocket();
  const flusher: Flusher = new Flusher(() => seen.push([...socket.writes]));
  const each = sender(socket, flusher);
  each.ping(false, PING, 0);
  flusher.wake();
  each.ping(false, PING, 0);
  flusher.wake();
  await turn();
  t.deepEqual(seen, [[34]]);
  flusher.wake();
  await turn();
  t.deepEqual(seen, [[34], [34]]);
});

test('with the end of a turn comes how many frames were read in it, and whether it was only that of a read', async (t) => {
  const told: [number, boolean][] = [];
  let now = 0;
  const flusher: Flusher = new Flusher(
    (frames, alone) => told.push([frames, alone]),
    // Turns that follow each other within microseconds would be taken for load.
    () => ++now,
  );
  flusher.received(3);
  flusher.received(4);
  flusher.wake();
  await turn();
  t.deepEqual(told, [[7, false]]);
  // As long as it takes to be sure that turns have one read each.
  for (let i = 0; i < 40; i++) {
    flusher.received(2);
    flusher.wake();
    await turn();
  }
  t.deepEqual(told.slice(1), [...Array<unknown>(32).fill([2, false]), ...Array<unknown>(8).fill([2, true])]);
});

test('what a flush makes dirty is flushed in the same turn', async (t) => {
  const ends: number[] = [];
  const [first, second] = [new CountingSocket(), new CountingSocket()];
  const flusher = new Flusher(() => ends.push(second.writes.length));
  const other = sender(second, flusher);
  first._write = (_chunk, _encoding, done) => {
    other.ping(false, PING, 0);
    done();
  };
  sender(first, flusher).ping(false, PING, 0);
  await turn();
  t.deepEqual(ends, [1]);
});

test('after its end a sender appends nothing, and says when all has been written', async (t) => {
  const socket = new CountingSocket();
  const each = sender(socket, new Flusher());
  each.ping(false, PING, 0);
  await turn();
  each.ping(false, PING, 0);
  let ended = false;
  each.end(() => {
    ended = true;
  });
  each.ping(false, PING, 0);
  each.raw(PING);
  each.goaway(1, 2, 'late');
  t.false(ended);
  socket.complete();
  await turn();
  t.deepEqual(socket.writes, [17, 17]);
  t.false(ended);
  socket.complete();
  await turn();
  t.true(ended);
});
