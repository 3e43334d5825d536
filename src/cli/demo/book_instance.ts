import * as grpc from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation } from 'grpc-health-check';
import { bookPackage, bookService, TITLES } from './book_service.ts';

/** A running instance of the book service. */
export interface BookInstance {
  /** `book-1`; every answer carries it. */
  readonly name: string;
  readonly version: string;
  /** `127.0.0.1:PORT` */
  readonly address: string;
  /** Says GOAWAY, answers what is in flight, then closes. */
  shutDown(): Promise<void>;
  /** Closes at once. */
  kill(): void;
}

/** Starts an instance on a port of the system's choice, with `grpc.health.v1` and reflection as a production server has them. */
export async function startBookInstance(name: string, version: string): Promise<BookInstance> {
  const book = (id: number) => ({ id, title: TITLES[id % TITLES.length], instance: name, version });
  const server = new grpc.Server();
  server.addService(bookService, {
    GetBook(call: grpc.ServerUnaryCall<{ id: number }, object>, callback: grpc.sendUnaryData<object>) {
      callback(null, book(call.request.id));
    },
    ListBooks(call: grpc.ServerWritableStream<object, object>) {
      for (let id = 0; id < TITLES.length; id++) call.write(book(id));
      call.end();
    },
    Discuss(call: grpc.ServerDuplexStream<{ text: string }, object>) {
      call.on('data', ({ text }: { text: string }) => call.write({ text: `${text}, indeed`, instance: name }));
      call.on('end', () => call.end());
    },
  });
  new HealthImplementation({ '': 'SERVING', 'book.BookService': 'SERVING' }).addToServer(server);
  new ReflectionService(bookPackage).addToServer(server);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  return {
    name,
    version,
    address: `127.0.0.1:${port}`,
    shutDown: () => new Promise((resolve) => server.tryShutdown(() => resolve())),
    kill: () => server.forceShutdown(),
  };
}
