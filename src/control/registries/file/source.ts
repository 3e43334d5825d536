import { readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Clock } from '../../../base/clock.ts';
import { describeError, OutriggerError } from '../../../base/errors.ts';
import { DirectoryWatch } from '../../files/directory_watch.ts';
import type { FileEntry, FileServices } from './parse.ts';

/** What was read, and what could not be. */
export interface FileState {
  /** Every service that a readable file names, or named when it was last readable. */
  readonly services: ReadonlyMap<string, readonly FileEntry[]>;
  /** Null when everything was read: then a service that is not in `services` has no instances. */
  readonly error: OutriggerError | null;
}

interface ReadFile {
  readonly text: string;
  readonly services: FileServices;
}

/** A list of instances is small; what is larger is another file by mistake. In bytes. */
const MAX_FILE_SIZE = 16 * 1024 * 1024;
const FILE_NAME = /^[^.].*\.(?:ya?ml|json)$/i;

/** Reads a file or all files of a directory, and again whenever they change; tells `changed` only when something did. */
export class FileSource {
  readonly #path: string;
  readonly #changed: (state: FileState) => void;
  readonly #watch: DirectoryWatch;
  #files = new Map<string, ReadFile>();
  #state: FileState | null = null;
  #reading: Promise<void> | null = null;
  #again = false;
  #closed = false;

  constructor(path: string, clock: Clock, changed: (state: FileState) => void) {
    this.#path = path;
    this.#changed = changed;
    this.#watch = new DirectoryWatch(clock, () => this.#read());
    this.#read();
  }

  /** The last state, null before the first. */
  get state(): FileState | null {
    return this.#state;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#watch.close();
    await this.#reading;
  }

  /** One read at a time; what changes meanwhile is read by one more. */
  #read(): void {
    this.#again = true;
    this.#reading ??= (async () => {
      while (this.#again && !this.#closed) {
        this.#again = false;
        await this.#readOnce();
      }
      this.#reading = null;
    })();
  }

  async #readOnce(): Promise<void> {
    const before = this.#files;
    let error: OutriggerError | null = null;
    try {
      const directory = (await stat(this.#path)).isDirectory();
      await this.#watch.attach(directory ? this.#path : dirname(this.#path));
      const paths = directory ? await listFiles(this.#path) : [this.#path];
      const after = new Map<string, ReadFile>();
      for (const path of paths) {
        const known = before.get(path);
        try {
          after.set(path, await readServices(path, directory, known));
        } catch (cause) {
          error ??= cause instanceof OutriggerError ? cause : unreadable(path, cause);
          if (known !== undefined) after.set(path, known);
        }
      }
      this.#files = after;
    } catch (cause) {
      error = unreadable(this.#path, cause);
      await this.#watch.attach(dirname(this.#path));
    }
    if (this.#closed) return;
    const same = sameFiles(before, this.#files) && error?.message === this.#state?.error?.message;
    if (this.#state !== null && same) return;
    this.#state = { services: merge(this.#files.values()), error };
    this.#changed(this.#state);
  }
}

/** Reads and parses what a source of this path would: null, or the first error. Never rejects. */
export async function checkFiles(path: string): Promise<OutriggerError | null> {
  try {
    const directory = (await stat(path)).isDirectory();
    for (const file of directory ? await listFiles(path) : [path]) await readServices(file, directory, undefined);
    return null;
  } catch (cause) {
    return cause instanceof OutriggerError ? cause : unreadable(path, cause);
  }
}

/** The services that the files name. Rejects with the first error. */
export async function serviceNames(path: string): Promise<readonly string[]> {
  const names = new Set<string>();
  try {
    const directory = (await stat(path)).isDirectory();
    for (const file of directory ? await listFiles(path) : [path]) {
      for (const name of (await readServices(file, directory, undefined)).services.keys()) names.add(name);
    }
  } catch (cause) {
    throw cause instanceof OutriggerError ? cause : unreadable(path, cause);
  }
  return [...names];
}

async function listFiles(directory: string): Promise<string[]> {
  const names = await readdir(directory);
  return names
    .filter((name) => FILE_NAME.test(name))
    .sort()
    .map((name) => join(directory, name));
}

async function readServices(path: string, listAllowed: boolean, known: ReadFile | undefined): Promise<ReadFile> {
  const { size } = await stat(path);
  if (size > MAX_FILE_SIZE) throw new Error(`the file has ${size} bytes, at most ${MAX_FILE_SIZE} are read`);
  const text = await readFile(path, 'utf8');
  if (known?.text === text) return known;
  // The YAML parser is loaded by those who have a file to read.
  const { parseFile } = await import('./parse.ts');
  return { text, services: parseFile(path, text, { listAllowed }) };
}

function unreadable(path: string, cause: unknown): OutriggerError {
  const missing = (cause as NodeJS.ErrnoException | null)?.code === 'ENOENT';
  return new OutriggerError(missing ? 'file_missing' : 'file_unreadable', `${path}: ${describeError(cause)}`, {
    hint: missing
      ? 'Create the file, or correct `path` of this registry; it is read as soon as it is there.'
      : 'Make it a readable YAML or JSON file; until then the last instances read from it stay in use.',
    cause,
  });
}

function sameFiles(a: ReadonlyMap<string, ReadFile>, b: ReadonlyMap<string, ReadFile>): boolean {
  return a.size === b.size && [...a].every(([path, file]) => b.get(path) === file);
}

/** A service may stand in several files: its entries are taken together. */
function merge(files: Iterable<ReadFile>): Map<string, readonly FileEntry[]> {
  const merged = new Map<string, readonly FileEntry[]>();
  for (const { services } of files) {
    for (const [service, entries] of services) merged.set(service, [...(merged.get(service) ?? []), ...entries]);
  }
  return merged;
}
