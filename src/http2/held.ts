import { MAX_HELD } from './limits.ts';

/** DATA that waits, in this thread, for the side it goes to: see `MAX_HELD`. */
let held = 0;

/** Octets that wait now. */
export function heldOctets(): number {
  return held;
}

/** More than half of the room is taken. */
export function pressed(): boolean {
  return held * 2 > MAX_HELD;
}

/** Takes `octets` in; false when there is no room, and the connection credit must be kept. */
export function hold(octets: number): boolean {
  if (held + octets > MAX_HELD) return false;
  held += octets;
  return true;
}

/** The octets have been sent or dropped. */
export function release(octets: number): void {
  held -= octets;
}
