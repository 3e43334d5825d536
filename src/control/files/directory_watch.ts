import { type FSWatcher, watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Clock } from '../../base/clock.ts';

/** What follows an event within this time is read together with it: writing a file takes several. In milliseconds. */
const SETTLE = 30;

/**
 * A directory in which others write all the time, as a log beside the config does: after so many events in a row the watch is given up for
 * `PAUSE` milliseconds, and then everything is looked at again. So whatever happens there costs a look a second, and is seen within one.
 */
const MOST_EVENTS = 32;
const PAUSE = 1_000;

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
  /** Events since the watch began, or since the last `PAUSE` without one. */
  #events = 0;
  #lastEvent = 0;
  #cancelPause: (() => void) | null = null;
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
    if (this.#closed || identity === this.#watched || this.#cancelPause !== null) return;
    this.#detach();
    if (identity === null) return;
    try {
      this.#watcher = watch(directory, { persistent: false }, () => this.#event(directory));
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
    this.#cancelPause?.();
    this.#detach();
  }

  #detach(): void {
    this.#watcher?.close();
    this.#watcher = null;
    this.#watched = null;
  }

  #event(directory: string): void {
    const now = this.#clock.now();
    this.#events = now - this.#lastEvent > PAUSE ? 1 : this.#events + 1;
    this.#lastEvent = now;
    if (this.#events > MOST_EVENTS) this.#pause(directory);
    this.#settle();
  }

  #pause(directory: string): void {
    this.#detach();
    this.#events = 0;
    this.#cancelPause = this.#clock.after(PAUSE, () => {
      this.#cancelPause = null;
      // What happened meanwhile is looked for once the watch is there again: nothing falls in between.
      void this.attach(directory).then(() => this.#settle());
    });
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
