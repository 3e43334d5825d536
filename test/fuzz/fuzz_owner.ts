import type { Connection } from '../../src/http2/connection.ts';
import type { ConnectionOwner } from '../../src/http2/connection_owner.ts';
import { ERROR } from '../../src/http2/frame/codes.ts';
import { HeaderList } from '../../src/http2/hpack/header_list.ts';
import type { Stream } from '../../src/http2/streams/stream.ts';

const OK = new HeaderList([':status', '200', 'x', 'y']);
const POST = new HeaderList([':method', 'POST', ':scheme', 'http', ':path', '/', ':authority', 'x']);
const TRAILERS = new HeaderList(['grpc-status', '0']);
/** The most octets of its own making that it sends at once. */
const MOST = 6_000;

/**
 * Uses a connection in ways that the stream's id and the steps decide: answers, echoes, resets, credits at once or later. Watches that the
 * connection keeps its side of `ConnectionOwner`.
 */
export class FuzzOwner implements ConnectionOwner {
  connection: Connection | null = null;
  /** What the engine did that it must not. */
  readonly faults: string[] = [];
  /** Octets of DATA of its own making. */
  sent = 0;
  closed = false;
  readonly #open = new Set<Stream>();
  readonly #reset = new Set<Stream>();
  /** Credit that it still owes. */
  readonly #owed: { readonly stream: Stream; readonly octets: number }[] = [];

  /** Does the `n`th of the things it can do. */
  act(n: number): void {
    const connection = this.#connection;
    if (n % 8 === 0 && !connection.server) {
      if (!connection.canOpen) return;
      this.#open.add(connection.open(POST, n % 16 === 0, n % 5 === 0, null));
      return;
    }
    const streams = connection.streams.all();
    const stream = streams[Math.floor(n / 8) % Math.max(1, streams.length)];
    if (n % 8 === 1) return this.payAll();
    if (n % 400 === 2) return connection.shutdown();
    if (n % 1_000 === 3) return connection.destroy('the user has enough');
    if (stream === undefined) return;
    switch (n % 8) {
      case 2:
        if (!stream.abandoned) connection.reset(stream, n % 14);
        break;
      case 3:
        if (connection.server) connection.stopReceiving(stream);
        break;
      case 4:
        if (connection.server) connection.headers(stream, OK, n % 3 === 0);
        break;
      case 5:
        connection.trailers(stream, TRAILERS);
        break;
      default:
        this.#sendOwn(stream, n % MOST, n % 7 === 0);
    }
  }

  /** Pays all credit that it owes. */
  payAll(): void {
    for (const { stream, octets } of this.#owed.splice(0)) this.#connection.credit(stream, octets);
  }

  get open(): number {
    return this.#open.size;
  }

  get #connection(): Connection {
    if (this.connection === null) throw new Error('told of something before the constructor has returned');
    return this.connection;
  }

  #sendOwn(stream: Stream, octets: number, end: boolean): void {
    this.sent += octets;
    this.#connection.data(stream, Buffer.alloc(octets, 1), 0, octets, end, null);
  }

  #known(stream: Stream, what: string): void {
    if (!this.#open.has(stream)) this.faults.push(`${what} on stream ${stream.id}, which is not open`);
    if (this.closed) this.faults.push(`${what} after the end`);
  }

  onReady(): void {}
  onRequest(stream: Stream, _list: HeaderList, _head: unknown, end: boolean): void {
    if (this.#open.has(stream)) this.faults.push(`stream ${stream.id} was requested twice`);
    this.#open.add(stream);
    const connection = this.#connection;
    switch (stream.id % 7) {
      case 0:
        connection.headers(stream, OK, true);
        break;
      case 1:
        connection.headers(stream, OK, false);
        this.#sendOwn(stream, MOST, end);
        break;
      case 2:
        connection.reset(stream, ERROR.CANCEL);
        break;
      case 3:
        connection.headers(stream, OK, true);
        connection.stopReceiving(stream);
        break;
      default:
        connection.headers(stream, OK, false);
    }
  }
  onInformational(stream: Stream): void {
    this.#known(stream, 'interim answer');
  }
  onResponse(stream: Stream): void {
    this.#known(stream, 'answer');
  }
  onData(stream: Stream, buf: Buffer, start: number, end: number): void {
    this.#known(stream, 'DATA');
    if (end < start || end > buf.length) this.faults.push(`DATA from ${start} to ${end} of ${buf.length}`);
    const connection = this.#connection;
    // To itself: credit then comes from the writing side, as between two sides of a proxy.
    if (stream.id % 3 === 0) connection.data(stream, buf, start, end, false, stream);
    else if (stream.id % 3 === 1) connection.credit(stream, end - start);
    else this.#owed.push({ stream, octets: end - start });
  }
  onTrailers(stream: Stream): void {
    this.#known(stream, 'trailers');
  }
  onReset(stream: Stream): void {
    if (stream.abandoned) return;
    this.#known(stream, 'reset');
    if (this.#reset.has(stream)) this.faults.push(`stream ${stream.id} was reset twice`);
    this.#reset.add(stream);
  }
  onStreamClosed(stream: Stream): void {
    // A request of which it never heard, as it was answered by the engine itself.
    if (!this.#open.delete(stream) && this.#connection.streams.get(stream.id) === stream) {
      this.faults.push(`stream ${stream.id} was closed and is still there`);
    }
  }
  onGoaway(): void {}
  onCapacityChanged(): void {}
  onPong(): void {}
  onProtocolError(): void {}
  onClosed(): void {
    if (this.closed) this.faults.push('closed twice');
    this.closed = true;
  }
}
