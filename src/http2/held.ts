/**
 * DATA that waits, in this thread, for a stream window of the side it goes to. Its senders have their connection credit back (else
 * a few streams that nobody reads would stall every other stream of the connection), so that what bounds it is the stream
 * windows, and this: beyond it connection credit is held back as well, and senders with many such streams are stalled whole.
 */
const MAX_HELD = 64 * 1024 * 1024;

let held = 0;

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
