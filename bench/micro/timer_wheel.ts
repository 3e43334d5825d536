/** What a deadline costs: set and taken back by nearly every call, kept by a few. */
import { TimerWheel, type WheelEntry } from '../../src/base/timer_wheel.ts';
import { keep, measure } from './measure.ts';

class Entry implements WheelEntry {
  wheelSlot = -1;
  wheelTick = 0;
  wheelPrevious: WheelEntry | null = null;
  wheelNext: WheelEntry | null = null;
}

const TICK_MS = 5;
const IN_FLIGHT = 10_000;
let now = 0;
let expired = 0;
const wheel = new TimerWheel<Entry>({ tickMs: TICK_MS, slots: 4096, now: () => now, expired: () => expired++ });
const entries = Array.from({ length: IN_FLIGHT }, () => new Entry());
/** Milliseconds from now, as clients set them. */
const delays = Array.from({ length: 1024 }, (_, i) => 100 + ((i * 389) % 30_000));

for (const [index, entry] of entries.entries()) wheel.schedule(entry, now + (delays[index & 1023] as number));
measure(`schedule and cancel one of ${IN_FLIGHT}`, (times) => {
  for (let i = 0; i < times; i++) {
    const entry = entries[i % IN_FLIGHT] as Entry;
    wheel.cancel(entry);
    wheel.schedule(entry, now + (delays[i & 1023] as number));
  }
  keep(wheel.size);
});

measure('a tick of the wheel, and what expires set again', (times) => {
  for (let i = 0; i < times; i++) {
    now += TICK_MS;
    wheel.advance();
    for (let k = 0; k < 4; k++)
      wheel.schedule(entries[(i * 4 + k) % IN_FLIGHT] as Entry, now + (delays[i & 1023] as number));
  }
  keep(expired);
});
wheel.stop();
