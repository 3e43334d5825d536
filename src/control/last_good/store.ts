import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import { describeError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { decodeSet, encodeSet, fileName, type SetKey, type StoredSet } from './stored_set.ts';

/** Between a change and its write, in milliseconds: many changes are one write. */
const WRITE_AFTER = 3_000;
/** A set that only was confirmed again is written anew when its file is this old, in milliseconds, so that its age stays near the truth. */
const RENEW_AFTER = 5 * 60_000;
/** 10,000 instances with labels take about 5 MB; what is larger is not kept. In octets. */
const MOST_BYTES = 32 * 1_024 * 1_024;
/** Sets that are kept; those that were not confirmed for longest go first. As many as discovery follows, and as many of before. */
const MOST_FILES = 2_000;

interface Entry {
  readonly key: SetKey;
  set: StoredSet;
  dirty: boolean;
  writtenAt: number;
}

/**
 * The last good sets on disk, one file for each: written aside, flushed and renamed, so that a crash leaves the old or the new one.
 * Nothing here rejects: a disk that fails costs the sets at the next start, and one warning now.
 */
export class LastGoodStore {
  readonly #directory: string;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #entries = new Map<string, Entry>();
  #removals = new Set<string>();
  #cancelWrite: (() => void) | null = null;
  #writing: Promise<void> = Promise.resolve();
  #ready: Promise<boolean> | null = null;
  #complained: string | null = null;

  /** `directory` is made when the first set is read or written. */
  constructor(directory: string, clock: Clock, log: Log) {
    this.#directory = join(directory, 'last-good');
    this.#clock = clock;
    this.#log = log;
  }

  /** The set that was kept for a key; null when there is none that can be used. */
  async load(key: SetKey): Promise<StoredSet | null> {
    const path = join(this.#directory, fileName(key));
    let text: string;
    try {
      if ((await stat(path)).size > MOST_BYTES) {
        this.#ignore(path, 'is too large');
        return null;
      }
      text = await readFile(path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        this.#ignore(path, `cannot be read: ${describeError(error)}`);
      return null;
    }
    const set = decodeSet(key, text);
    if (typeof set !== 'string') return set;
    this.#ignore(path, set);
    return null;
  }

  /** Keeps a set that a registry just told. An empty one is not worth keeping: whoever starts with it is no better off. */
  save(key: SetKey, set: StoredSet): void {
    const name = fileName(key);
    if (set.instances.length === 0) {
      this.#entries.delete(name);
      this.#removals.add(name);
      this.#writeLater();
      return;
    }
    this.#removals.delete(name);
    const known = this.#entries.get(name);
    if (known === undefined) this.#entries.set(name, { key, set, dirty: true, writtenAt: 0 });
    else {
      known.dirty ||= known.set.instances !== set.instances || this.#clock.now() - known.writtenAt > RENEW_AFTER;
      known.set = set;
    }
    if (known?.dirty !== false) this.#writeLater();
  }

  /** The registry that told this set can still be asked: the set is true until now. */
  confirm(key: SetKey): void {
    const known = this.#entries.get(fileName(key));
    if (known === undefined) return;
    known.set = { ...known.set, confirmedAt: this.#clock.now() };
    known.dirty = true;
  }

  /** Writes what is not written yet, and resolves when it is on disk. */
  flush(): Promise<void> {
    this.#cancelWrite?.();
    this.#cancelWrite = null;
    this.#writing = this.#writing.then(() => this.#write());
    return this.#writing;
  }

  #writeLater(): void {
    this.#cancelWrite ??= this.#clock.after(WRITE_AFTER, () => void this.flush());
  }

  async #write(): Promise<void> {
    this.#ready ??= this.#prepare();
    if (!(await this.#ready)) {
      this.#ready = null;
      return;
    }
    try {
      const removals = this.#removals;
      this.#removals = new Set();
      for (const name of removals) await rm(join(this.#directory, name), { force: true });
      let changed = removals.size > 0;
      for (const [name, entry] of this.#entries) {
        if (!entry.dirty) continue;
        entry.dirty = false;
        entry.writtenAt = this.#clock.now();
        changed = true;
        await this.#writeOne(name, encodeSet(entry.key, entry.set), entry);
      }
      // The renames themselves must reach the disk, too.
      if (changed) await withFile(this.#directory, 'r', (directory) => directory.sync());
      this.#complained = null;
    } catch (error) {
      this.#complain(error);
    }
  }

  async #writeOne(name: string, text: string, entry: Entry): Promise<void> {
    if (Buffer.byteLength(text) > MOST_BYTES) {
      const { registry, path } = entry.key;
      this.#log.warn('The set is too large to be kept for the next start.', {
        registry,
        path,
        instances: entry.set.instances.length,
      });
      return;
    }
    const aside = join(this.#directory, `${name}.${process.pid}.tmp`);
    try {
      await withFile(aside, 'w', async (file) => {
        await file.writeFile(text);
        await file.sync();
      });
      await rename(aside, join(this.#directory, name));
    } catch (error) {
      entry.dirty = true;
      await rm(aside, { force: true }).catch(() => {});
      throw error;
    }
  }

  /** Makes the directory and throws out what is too much. False when it cannot be used, which is told. */
  async #prepare(): Promise<boolean> {
    try {
      await mkdir(this.#directory, { recursive: true, mode: 0o700 });
      const names = await readdir(this.#directory);
      // Left behind by a process that died while it wrote.
      for (const name of names) if (name.endsWith('.tmp')) await rm(join(this.#directory, name), { force: true });
      const kept = names.filter((name) => name.endsWith('.json'));
      if (kept.length > MOST_FILES) await this.#throwOut(kept);
      return true;
    } catch (error) {
      this.#complain(error);
      return false;
    }
  }

  async #throwOut(names: readonly string[]): Promise<void> {
    const aged: { name: string; at: number }[] = [];
    for (const name of names) aged.push({ name, at: (await stat(join(this.#directory, name))).mtimeMs });
    aged.sort((a, b) => b.at - a.at);
    for (const { name } of aged.slice(MOST_FILES)) await rm(join(this.#directory, name), { force: true });
  }

  #ignore(path: string, why: string): void {
    this.#log.warn(`A file with last good instances ${why}. It is ignored.`, {
      file: path,
      reason: 'last_good_unusable',
    });
  }

  #complain(error: unknown): void {
    const code = (error as NodeJS.ErrnoException).code ?? describeError(error);
    if (this.#complained === code) return;
    this.#complained = code;
    this.#log.warn(`The last good instances cannot be kept on disk: ${describeError(error)}.`, {
      directory: this.#directory,
      reason: 'last_good_unwritable',
      hint: 'Let state_dir be a directory that this user may write. Without it a start needs the registry.',
    });
  }
}

async function withFile(
  path: string,
  flags: string,
  use: (file: Awaited<ReturnType<typeof open>>) => Promise<void>,
): Promise<void> {
  const file = await open(path, flags, 0o600);
  try {
    await use(file);
  } finally {
    await file.close();
  }
}
