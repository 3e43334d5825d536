import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { type Clock, systemClock } from '../../src/base/clock.ts';

/**
 * What this process holds open now: what keeps its event loop alive, and on Linux the sockets, files and directory watches behind
 * its descriptors as well, also those that let it end.
 */
export function openHandles(): string[] {
  const handles: string[] = process.getActiveResourcesInfo().filter((name) => name !== 'Immediate');
  if (process.platform !== 'linux') return handles;
  for (const descriptor of readdirSync('/proc/self/fd')) {
    try {
      const target = readlinkSync(`/proc/self/fd/${descriptor}`);
      // One descriptor carries all directory watches of the event loop, and is never closed.
      if (target === 'anon_inode:inotify') handles.push(...watchesOf(descriptor));
      else if (target.startsWith('socket:') || /^\/(?!dev\/|proc\/)/.test(target)) handles.push(target);
    } catch {
      // The one that lists the others is gone by now.
    }
  }
  return handles;
}

function watchesOf(descriptor: string): string[] {
  const lines = readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8').split('\n');
  return lines.filter((line) => line.startsWith('inotify')).map((line) => line.split(' ', 4).join(' '));
}

/** What is in `after` and was not in `before`; of several alike, those that are more. */
export function handlesSince(before: readonly string[], after: readonly string[]): string[] {
  const rest = [...before];
  return after.filter((handle) => {
    const at = rest.indexOf(handle);
    if (at !== -1) rest.splice(at, 1);
    return at === -1;
  });
}

/** Real time, and how many timers wait. */
export interface CountingClock extends Clock {
  /** Timers that neither ran nor were canceled. */
  readonly pending: number;
  /** Timers ever set. */
  readonly made: number;
}

export function countingClock(): CountingClock {
  const waiting = new Set<object>();
  let made = 0;
  return {
    now: systemClock.now,
    after(ms, task) {
      const timer = {};
      waiting.add(timer);
      made++;
      const cancel = systemClock.after(ms, () => {
        waiting.delete(timer);
        task();
      });
      return () => {
        waiting.delete(timer);
        cancel();
      };
    },
    get pending() {
      return waiting.size;
    },
    get made() {
      return made;
    },
  };
}
