import * as grpc from '@grpc/grpc-js';
import { bookService, TITLES } from './book_service.ts';

/** How one call ended: who answered, or why nobody did. */
export type Answer =
  | { readonly ok: true; readonly instance: string }
  | { readonly ok: false; readonly status: number; readonly message: string };

/** The app's side: an ordinary gRPC client that knows one address, the sidecar's. */
export interface BookClient {
  getBook(version?: string): Promise<Answer>;
  /** A server stream; fails unless every book arrives, from one instance. */
  listBooks(version?: string): Promise<Answer>;
  /** A bidirectional stream of three questions, each asked after the answer to the one before. */
  discuss(version?: string): Promise<Answer>;
  close(): void;
}

interface Reply {
  readonly instance: string;
}

interface Stub extends grpc.Client {
  GetBook(
    request: object,
    metadata: grpc.Metadata,
    options: grpc.CallOptions,
    done: (error: grpc.ServiceError | null, reply?: Reply) => void,
  ): void;
  ListBooks(request: object, metadata: grpc.Metadata, options: grpc.CallOptions): grpc.ClientReadableStream<Reply>;
  Discuss(metadata: grpc.Metadata, options: grpc.CallOptions): grpc.ClientDuplexStream<object, Reply>;
}

const BookStub = grpc.makeClientConstructor(bookService, 'BookService') as unknown as new (
  address: string,
  credentials: grpc.ChannelCredentials,
  options: grpc.ClientOptions,
) => Stub;

/** Longest wait for one call, in milliseconds. Nothing in the demo takes a tenth of it. */
const CALL_TIMEOUT_MS = 10_000;
const QUESTIONS = ['a fine book', 'well written', 'rather long'];

/** Connects to the sidecar; `:authority` is the name of the service, as in the registry. */
export function connectBookClient(address: string): BookClient {
  const stub = new BookStub(address, grpc.credentials.createInsecure(), {
    'grpc.default_authority': 'book',
    // The calls must show what the sidecar does, not what the client mends.
    'grpc.enable_retries': 0,
    'grpc.enable_http_proxy': 0,
  });
  const metadata = (version: string | undefined) => {
    const made = new grpc.Metadata();
    if (version !== undefined) made.set('x-version', version);
    return made;
  };
  const options = (): grpc.CallOptions => ({ deadline: Date.now() + CALL_TIMEOUT_MS });
  const failure = (error: grpc.ServiceError): Answer => ({ ok: false, status: error.code, message: error.details });

  /** Resolves when a stream has ended: by whom it was answered, if `expected` replies came and all from one instance. */
  const collect = (
    stream: grpc.ClientReadableStream<Reply>,
    expected: number,
    onReply: (count: number) => void,
  ): Promise<Answer> =>
    new Promise((resolve) => {
      const instances: string[] = [];
      stream.on('data', (reply: Reply) => onReply(instances.push(reply.instance)));
      stream.on('error', (error: grpc.ServiceError) => resolve(failure(error)));
      stream.on('end', () => {
        const [instance] = instances;
        const whole = instances.length === expected && instances.every((name) => name === instance);
        if (whole && instance !== undefined) resolve({ ok: true, instance });
        // A failed stream ends as well, and tells why right after.
        else setImmediate(() => resolve({ ok: false, status: 0, message: `got [${instances}] for one stream` }));
      });
    });

  return {
    getBook: (version) =>
      new Promise((resolve) => {
        stub.GetBook({ id: 1 }, metadata(version), options(), (error, reply) =>
          resolve(error ? failure(error) : { ok: true, instance: reply?.instance ?? '?' }),
        );
      }),
    listBooks: (version) => collect(stub.ListBooks({}, metadata(version), options()), TITLES.length, () => {}),
    discuss(version) {
      const stream = stub.Discuss(metadata(version), options());
      const ask = (asked: number) => {
        const text = QUESTIONS[asked];
        if (text === undefined) stream.end();
        else stream.write({ text });
      };
      ask(0);
      return collect(stream, QUESTIONS.length, ask);
    },
    close: () => stub.close(),
  };
}
