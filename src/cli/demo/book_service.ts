import type { ServiceDefinition } from '@grpc/grpc-js';
import { fromJSON, type PackageDefinition } from '@grpc/proto-loader';

/** `book.BookService` as protobuf.js describes it: a demo that ships inside the package has no `.proto` file to lose. */
const DESCRIPTOR = {
  nested: {
    book: {
      nested: {
        BookService: {
          methods: {
            GetBook: { requestType: 'GetBookRequest', responseType: 'Book' },
            ListBooks: { requestType: 'ListBooksRequest', responseType: 'Book', responseStream: true },
            Discuss: { requestType: 'Remark', requestStream: true, responseType: 'Remark', responseStream: true },
          },
        },
        GetBookRequest: { fields: { id: { type: 'uint32', id: 1 } } },
        ListBooksRequest: { fields: {} },
        Book: {
          fields: {
            id: { type: 'uint32', id: 1 },
            title: { type: 'string', id: 2 },
            instance: { type: 'string', id: 3 },
            version: { type: 'string', id: 4 },
          },
        },
        Remark: { fields: { text: { type: 'string', id: 1 }, instance: { type: 'string', id: 2 } } },
      },
    },
  },
};

/** The books that every instance has: a stream of all of them has this many messages. */
export const TITLES = ['Kon-Tiki', 'We, the Navigators', 'The Raft Book'];

/** With the descriptors that reflection serves. */
export const bookPackage: PackageDefinition = fromJSON(
  // Its type wants a comment on every method.
  DESCRIPTOR as unknown as Parameters<typeof fromJSON>[0],
);
/** What server and client are made from. */
export const bookService = bookPackage['book.BookService'] as unknown as ServiceDefinition;
