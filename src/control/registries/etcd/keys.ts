/** The keys from `key` on, and before `end`, as etcd wants them. */
export interface KeyRange {
  readonly key: Buffer;
  readonly end: Buffer;
}

/**
 * The range that holds every key with this prefix, and all keys for the empty one, which `{service}/` begins with. An empty key is
 * none for etcd; `\0` is the first one there is.
 */
export function rangeOf(prefix: string): KeyRange {
  const key = prefix === '' ? Buffer.of(0) : Buffer.from(prefix);
  return { key, end: prefix === '' ? Buffer.of(0) : rangeEnd(key) };
}

/**
 * The end of the key range that holds every key with this prefix: the prefix with its last byte that can grow increased.
 * `\0` means "to the end of the key space". https://etcd.io/docs/v3.5/learning/api/#key-ranges
 */
export function rangeEnd(prefix: Buffer): Buffer {
  for (let last = prefix.length - 1; last >= 0; last--) {
    const byte = prefix[last] as number;
    if (byte < 0xff) {
      const end = Buffer.from(prefix.subarray(0, last + 1));
      end[last] = byte + 1;
      return end;
    }
  }
  return Buffer.of(0);
}

/**
 * Whether a key found under a prefix belongs to it. A path that ends in a letter or digit is the name of a service, and must not
 * find `/services/bookstore/1` when it says `/services/book`; any other ending is taken as written.
 */
export function belongsTo(key: string, path: string): boolean {
  if (!key.startsWith(path)) return false;
  return !/[\p{L}\p{N}]$/u.test(path) || key.length === path.length || key[path.length] === '/';
}
