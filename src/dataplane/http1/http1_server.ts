import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Flusher } from '../../http2/flusher.ts';
import type { ProtocolErrorToken } from '../../http2/protocol_errors.ts';
import { AppConnection, type AppConnectionEvents } from './app_connection.ts';
import { listItems, valuesOf } from './fields.ts';
import { HEADER_TIMEOUT_INTERVAL, MAX_HEADER_SIZE } from './limits.ts';
import { MemorySocket } from './memory_socket.ts';
import { BadRequest } from './request_head.ts';

/** What Node's parser says of octets that are no request, and what is said of it here. */
const PARSE_ERRORS: Readonly<Record<string, readonly [ProtocolErrorToken, number, string]>> = {
  HPE_INVALID_METHOD: ['http1_method_bad', 400, 'the method is none'],
  HPE_INVALID_URL: ['http1_target_bad', 400, 'the request target is none'],
  HPE_INVALID_VERSION: ['http1_version_bad', 400, 'the version is none'],
  HPE_INVALID_CONSTANT: ['http1_version_bad', 400, 'the version is none'],
  HPE_INVALID_HEADER_TOKEN: ['http1_header_bad', 400, 'a header line is none'],
  HPE_UNEXPECTED_SPACE: ['http1_header_bad', 400, 'a header line is none'],
  HPE_CR_EXPECTED: ['http1_line_end_bad', 400, 'a line does not end with CR LF'],
  HPE_LF_EXPECTED: ['http1_line_end_bad', 400, 'a line does not end with CR LF'],
  HPE_INVALID_CONTENT_LENGTH: ['http1_content_length_bad', 400, 'Content-Length is not one number'],
  HPE_UNEXPECTED_CONTENT_LENGTH: ['http1_content_length_bad', 400, 'Content-Length twice, or beside Transfer-Encoding'],
  HPE_INVALID_TRANSFER_ENCODING: ['http1_transfer_encoding_bad', 400, 'Transfer-Encoding does not end with chunked'],
  HPE_INVALID_CHUNK_SIZE: ['http1_chunk_bad', 400, 'a chunk is none'],
  HPE_STRICT: ['http1_chunk_bad', 400, 'a chunk is none'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: ['http1_chunk_bad', 413, 'too many chunk extensions'],
  HPE_HEADER_OVERFLOW: ['http1_headers_too_large', 431, `headers of more than ${MAX_HEADER_SIZE} octets`],
  ERR_HTTP_REQUEST_TIMEOUT: ['http1_header_timeout', 408, 'the headers took too long'],
};

/** What becomes of the connections. */
export interface Http1ServerEvents {
  onProtocolError(token: ProtocolErrorToken): void;
}

/** Speaks HTTP/1.1 with the apps of one listener: Node's own server, which never listens, and reads what the listener accepted. */
export class Http1Server implements AppConnectionEvents {
  readonly #server: Server;
  readonly #flusher: Flusher;
  readonly #events: Http1ServerEvents;
  readonly #connections = new Map<Duplex, AppConnection>();
  #onEmpty: (() => void) | null = null;

  /** `headerTimeout`: how long the head of a request may take, in milliseconds. */
  constructor(flusher: Flusher, headerTimeout: number, events: Http1ServerEvents) {
    this.#flusher = flusher;
    this.#events = events;
    this.#server = createServer(headerTimeout);
    const handle = (req: IncomingMessage, res: ServerResponse): void => this.#of(req.socket)?.handle(req, res);
    this.#server.on('request', handle);
    this.#server.on('checkContinue', handle);
    this.#server.on('upgrade', (req: IncomingMessage, socket: Duplex, first: Buffer) => {
      this.#of(socket)?.upgrade(req, first);
    });
    this.#server.on('connect', (_req: IncomingMessage, socket: Duplex) => {
      socket.on('error', () => {});
      this.#of(socket)?.refuse(new BadRequest(501, 'http1_connect_refused', 'CONNECT is not served'));
    });
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => this.#onError(error, socket));
  }

  /** Serves `socket`, of which `first` has been read. Its requests come as HTTP/2 at the end of a connection that is returned. */
  accept(socket: Duplex, first: Buffer | null): Duplex {
    const [near, far] = MemorySocket.pair();
    this.#connections.set(socket, new AppConnection(socket, near, this.#flusher, this));
    socket.pause();
    if (first !== null) socket.unshift(first);
    this.#server.emit('connection', socket);
    socket.resume();
    return far;
  }

  /** Resolves when the last connection is closed. */
  drained(): Promise<void> {
    if (this.#connections.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onEmpty = resolve;
    });
  }

  /** Closes what is left, with the answers that have been given. */
  destroy(): void {
    // Ends the timer; of a server that does not listen there is nothing else to close.
    this.#server.close(() => {});
    for (const connection of [...this.#connections.values()]) connection.destroy();
  }

  onProtocolError(token: ProtocolErrorToken): void {
    this.#events.onProtocolError(token);
  }

  onClosed(connection: AppConnection): void {
    this.#connections.delete(connection.socket);
    if (this.#connections.size === 0) this.#onEmpty?.();
  }

  #of(socket: Duplex): AppConnection | undefined {
    return this.#connections.get(socket);
  }

  #onError(error: NodeJS.ErrnoException, socket: Duplex): void {
    const code = error.code ?? '';
    const known = Object.hasOwn(PARSE_ERRORS, code) ? PARSE_ERRORS[code] : undefined;
    // The client is gone, in the middle of a request perhaps: nobody is left to be told.
    if (code === 'HPE_INVALID_EOF_STATE' || (known === undefined && !code.startsWith('HPE_')))
      return void socket.destroy();
    const [token, status, text] = known ?? (['http1_malformed', 400, 'this is no HTTP/1.1'] as const);
    this.#of(socket)?.refuse(new BadRequest(status, token, text));
  }
}

function createServer(headerTimeout: number): Server {
  const server = process.getBuiltinModule('node:http').createServer({
    // Never, whatever flag the process was started with.
    insecureHTTPParser: false,
    maxHeaderSize: MAX_HEADER_SIZE,
    headersTimeout: headerTimeout,
    connectionsCheckingInterval: HEADER_TIMEOUT_INTERVAL,
    // Streams may last, as over HTTP/2; deadlines and the listener's limits end those that should not.
    requestTimeout: 0,
    keepAliveTimeout: 0,
    // Answered here, so that it is counted.
    requireHostHeader: false,
    // `Upgrade: h2c` and others are ignored: the request is served as what it is (RFC 9110 section 7.8).
    shouldUpgradeCallback: isWebSocket,
  });
  // No limit of Node's, which drops what is beyond it without a word: here a message with too many lines is refused.
  server.maxHeadersCount = 0;
  // What begins to look at the time limits; this server never listens.
  server.emit('listening');
  return server;
}

function isWebSocket(req: IncomingMessage): boolean {
  return listItems(valuesOf(req.rawHeaders, 'upgrade')).includes('websocket');
}
