import type { RawRecord } from './record.ts';

/**
 * The key of a record under a path: a path that ends in a letter or digit is a name, and gets a slash; any other ending is taken
 * as written. The same rule holds when a path is read.
 */
export function keyUnder(path: string, last: string): string {
  return /[\p{L}\p{N}]$/u.test(path) ? `${path}/${last}` : `${path}${last}`;
}

/** A path without the slashes at its end. */
export function withoutSlash(path: string): string {
  return path.replace(/\/+$/, '');
}

/**
 * Whether a record that names its service belongs to another one than the path asks for: keys of libraries are
 * `<namespace>/<service>/<id>`, and under the prefix of `foo` there are also those of `foobar` and `foo/bar`. A path that ends
 * within the namespace asks for all services.
 */
export function isOfAnotherService({ key, prefix }: RawRecord, name: string | null): boolean {
  const path = withoutSlash(prefix);
  if (name === null || path === '' || path === name || path.endsWith(`/${name}`)) return false;
  const directory = key.slice(0, Math.max(0, key.lastIndexOf('/')));
  // Somebody wrote it by hand, or moved it: the name says nothing about the key.
  if (directory !== name && !directory.endsWith(`/${name}`)) return false;
  const namespace = directory.slice(0, Math.max(0, directory.length - name.length - 1));
  return path.length > namespace.length;
}

/**
 * Whether the record lies in the directory that was asked for and names another service all the same. With a path above
 * that directory any name is right.
 */
export function isMisplaced({ key, prefix }: RawRecord, name: string | null): boolean {
  const path = withoutSlash(prefix);
  if (name === null || path === '' || path === name || path.endsWith(`/${name}`)) return false;
  return key.slice(0, Math.max(0, key.lastIndexOf('/'))) === path;
}
