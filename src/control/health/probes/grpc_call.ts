import type { ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2';
import { decodeMessage } from '../../../grpc/message.ts';
import { statusFromHttp, statusFromReset } from '../../../grpc/status.ts';
import { ERROR, errorName } from '../../../http2/frame/codes.ts';

/** The status that a call ended with. */
export interface CallStatus {
  readonly status: number;
  readonly message: string;
}

/** Told of a call, in this order: any number of messages, then its end, once. */
export interface CallListener {
  /** May throw for what is none; the call ends then. The octets are its own. */
  message(octets: Buffer): void;
  /** The connection has ended. */
  lost(): boolean;
  /** Null: since the connection has. */
  ended(status: CallStatus | null): void;
}

/** Octets before a message: a flag and its length (PROTOCOL-HTTP2.md, Length-Prefixed-Message). */
const PREFIX = 5;
/** For answers that are a few octets long: what is longer is none of them. In bytes. */
const LONGEST = 4_096;
const UNKNOWN = 2;
const INTERNAL = 13;

/** One gRPC call with a single request, over a stream of `node:http2`. */
export class GrpcCall {
  readonly #stream: ClientHttp2Stream;
  readonly #listener: CallListener;
  #pending: Buffer = Buffer.alloc(0);
  #http = 0;
  #status: CallStatus | null = null;
  #over = false;

  constructor(stream: ClientHttp2Stream, listener: CallListener) {
    this.#stream = stream;
    this.#listener = listener;
    stream.on('response', (headers) => {
      this.#http = headers[':status'] ?? 0;
      this.#status = statusIn(headers);
    });
    stream.on('trailers', (trailers) => {
      this.#status = statusIn(trailers);
    });
    stream.on('data', (chunk: Buffer) => this.#read(chunk));
    // The code that the stream closes with says as much.
    stream.on('error', () => {});
    stream.on('close', () => this.#end(this.#status ?? this.#derived(stream.rstCode ?? ERROR.NO_ERROR)));
  }

  send(request: Buffer): void {
    const prefix = Buffer.alloc(PREFIX);
    prefix.writeUInt32BE(request.length, 1);
    this.#stream.end(Buffer.concat([prefix, request]));
  }

  #read(chunk: Buffer): void {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    while (!this.#over && this.#pending.length >= PREFIX) {
      const end = PREFIX + this.#pending.readUInt32BE(1);
      // Compressed ones were not asked for.
      if (this.#pending[0] !== 0 || end > LONGEST) return this.#refuse();
      if (this.#pending.length < end) return;
      const message = this.#pending.subarray(PREFIX, end);
      this.#pending = this.#pending.subarray(end);
      try {
        this.#listener.message(message);
      } catch {
        return this.#refuse();
      }
    }
  }

  #refuse(): void {
    this.#end({ status: INTERNAL, message: 'its answer cannot be read' });
    this.#stream.close(ERROR.CANCEL);
  }

  #end(status: CallStatus | null): void {
    if (this.#over) return;
    this.#over = true;
    this.#listener.ended(status);
  }

  /** Of a call that ended without a status. */
  #derived(reset: number): CallStatus | null {
    const http = this.#http;
    if (http !== 0 && http !== 200) return { status: statusFromHttp(http), message: `HTTP status ${http}` };
    // Node gives the streams of a connection that ends codes of its own.
    if (this.#listener.lost() || (http === 0 && reset === ERROR.NO_ERROR)) return null;
    if (reset === ERROR.NO_ERROR) return { status: UNKNOWN, message: 'there is no status' };
    return { status: statusFromReset(reset), message: `the stream was reset (${errorName(reset)})` };
  }
}

function statusIn(headers: IncomingHttpHeaders): CallStatus | null {
  const status = headers['grpc-status'];
  if (typeof status !== 'string' || !/^\d{1,2}$/.test(status)) return null;
  return { status: Number(status), message: decodeMessage(String(headers['grpc-message'] ?? '')) };
}
