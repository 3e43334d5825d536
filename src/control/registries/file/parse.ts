import { basename, extname } from 'node:path';
import { type Document, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { OutriggerError } from '../../../base/errors.ts';

/** One entry of a service's list: what stands there, and where. */
export interface FileEntry {
  readonly value: unknown;
  /** `file:line`, the entry's name in messages. */
  readonly where: string;
}

/** What one file says: the entries of each service that it names. */
export type FileServices = ReadonlyMap<string, readonly FileEntry[]>;

export interface FileShape {
  /** A list on the top level is the service that the file is named after. For the files of a directory. */
  readonly listAllowed: boolean;
}

/**
 * Reads a file of instances (YAML, and so also JSON):
 *
 *     services:
 *       book:
 *         - 127.0.0.1:50051
 *         - { address: "127.0.0.1:50052", version: v2, weight: 2, zone: a, metadata: { team: print } }
 *
 * or, as a file `book.yaml` of a directory, only the list. A file that cannot be read so is an `OutriggerError` that names file,
 * line and column; an empty file is one too, since that is how a file looks while somebody writes it.
 */
export function parseFile(path: string, text: string, shape: FileShape): FileServices {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const fail = (offset: number, message: string): never => {
    const { line, col } = lines.linePos(offset);
    throw new OutriggerError('file_invalid', `${path}:${line}:${col}: ${message}`, {
      hint: 'Correct the file; until then the last instances read from it stay in use.',
    });
  };
  const offsetOf = (node: unknown): number => (node as Node | null)?.range?.[0] ?? 0;

  const [syntax] = document.errors;
  if (syntax !== undefined) return fail(syntax.pos[0], syntax.message);

  const read = (node: unknown, service: string, at: number): FileEntry[] => {
    if (!isSeq(node))
      return fail(isNothing(node) ? at : offsetOf(node), `service "${service}": expected a list of instances`);
    return node.items.map((item) => {
      const { line } = lines.linePos(offsetOf(item));
      return { value: plainValue(item as Node, document), where: `${path}:${line}` };
    });
  };

  const root: unknown = document.contents;
  if (isSeq(root) && shape.listAllowed) {
    const service = basename(path, extname(path));
    return new Map([[service, read(root, service, 0)]]);
  }
  const services = isMap(root) ? root.get('services', true) : undefined;
  if (!isMap(services)) {
    const expected = shape.listAllowed
      ? 'a list of instances, or `services:` with one list each'
      : '`services:` with a list of instances each';
    return fail(
      offsetOf(services ?? root),
      root === null ? `the file is empty: expected ${expected}` : `expected ${expected}`,
    );
  }
  const found = new Map<string, readonly FileEntry[]>();
  for (const { key, value } of services.items) {
    const service = isScalar(key) ? String(key.value) : fail(offsetOf(key), 'expected the name of a service');
    found.set(service, read(value, service, offsetOf(key)));
  }
  return found;
}

/** `book:` with nothing after it has no place of its own. */
function isNothing(node: unknown): boolean {
  return node === null || (isScalar(node) && node.value === null);
}

/** The plain value of an entry. A version is text even where YAML sees a number: `1.10` is not `1.1`. */
function plainValue(item: Node, document: Document): unknown {
  const value: unknown = item.toJS(document);
  const version = isMap(item) ? item.get('version', true) : undefined;
  if (isScalar(version) && typeof version.value === 'number' && version.source !== undefined) {
    return { ...(value as object), version: version.source };
  }
  return value;
}
