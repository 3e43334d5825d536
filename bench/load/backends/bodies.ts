import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Context } from '../context.ts';

/** What the backends serve and the load sends. */
export interface BodyFiles {
  /** The document root of the backends. */
  readonly directory: string;
  /** A path with a small answer, and its size in octets. */
  readonly smallPath: string;
  readonly smallSize: number;
  /** A path with an answer of 1 MiB. */
  readonly largePath: string;
  /** A file with the request body of the small call: one gRPC message, as large as the answer. */
  readonly request: string;
}

const SMALL = 64;
const LARGE = 1 << 20;

/** One gRPC message (no compression) that is `size` octets long with its prefix. */
function grpcMessage(size: number): Buffer {
  const message = Buffer.alloc(size, 'x');
  message[0] = 0;
  message.writeUInt32BE(size - 5, 1);
  return message;
}

/** Where they stand. */
export function bodyFiles(context: Context): BodyFiles {
  return {
    directory: join(context.directory, 'htdocs'),
    smallPath: '/helloworld.Greeter/SayHello',
    smallSize: SMALL,
    largePath: '/mebibyte',
    request: join(context.directory, 'request'),
  };
}

/** Writes them, once per run of the bench and before any backend reads them. */
export function writeBodies(context: Context): void {
  const { directory, smallPath, largePath, request } = bodyFiles(context);
  mkdirSync(dirname(join(directory, smallPath)), { recursive: true });
  writeFileSync(join(directory, smallPath), grpcMessage(SMALL));
  writeFileSync(join(directory, largePath), grpcMessage(LARGE));
  writeFileSync(request, grpcMessage(SMALL));
}
