import { type FSWatcher, watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Clock } from '../../base/clock.ts';

/** What follows an event within this time is read together with it: writing a file takes several. In milliseconds. */
const SETTLE = 30;

/**
 * Looks without being told, for what raises no event: network file systems, a link whose target changes, a directory that
 * came only now. In milliseconds.
 */
const RESCAN = 5_000;

/**
 * Says when something in a directory may have changed. It is always the directory that is watched, never a file: editors and
 * mounted ConfigMaps put a new file (or a new `..data` link) in the place of the old one, and a watch on the old one would
 * stay with the old one.
 */
export class DirectoryWatch {
  readonly #clock: Clock;
  readonly #changed: () => void;
  #watcher: FSWatcher | null = null;
  /** Which directory is watched: path, device and inode; another one may have taken its name. */
  #watched: string | null = null;
  #cancelSettle: (() => void) | null = null;
  #cancelRescan: (() => void) | null = null;
  #closed = false;

  constructor(clock: Clock, changed: () => void) {
    this.#clock = clock;
    this.#changed = changed;
    this.#rescanLater();
  }

  /** Watches this directory from now on, instead of any other. One that cannot be watched is left to the rescan. */
  async attach(directory: string): Promise<void> {
    const identity = await stat(directory).then(
      ({ dev, ino }) => `${dev}:${ino}:${directory}`,
      () => null,
    );
    if (this.#closed || identity === this.#watched) return;
    this.#detach();
    if (identity === null) return;
    try {
      this.#watcher = watch(directory, { persistent: false }, () => this.#settle());
      this.#watcher.on('error', () => this.#detach());
      this.#watched = identity;
    } catch {
      this.#detach();
    }
  }

  close(): void {
    this.#closed = true;
    this.#cancelSettle?.();
    this.#cancelRescan?.();
    this.#detach();
  }

  #detach(): void {
    this.#watcher?.close();
    this.#watcher = null;
    this.#watched = null;
  }

  #settle(): void {
    if (this.#closed) return;
    this.#cancelSettle ??= this.#clock.after(SETTLE, () => {
      this.#cancelSettle = null;
      this.#changed();
    });
  }

  #rescanLater(): void {
    this.#cancelRescan = this.#clock.after(RESCAN, () => {
      this.#rescanLater();
      this.#changed();
    });
  }
}
