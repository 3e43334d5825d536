import { promisify } from 'node:util';

/** `text`, compressed with gzip on a thread of its own; `level` as zlib counts, the library's own choice if none is given. */
export function compress(text: string, level?: number): Promise<Buffer> {
  // Loaded by the first who wants it: a start does not wait for it.
  const { gzip } = process.getBuiltinModule('node:zlib');
  return promisify<string, { level?: number }, Buffer>(gzip)(text, level === undefined ? {} : { level });
}
