import { data } from './wire_frames.ts';
import type { WirePeer } from './wire_peer.ts';

/** Sends DATA for a raw peer without ever exceeding the windows that the other side granted it, and says how much is left of them. */
export class ObedientSender {
  readonly #peer: WirePeer;
  readonly #initial: number;
  readonly #windows = new Map<number, number>([[0, 65_535]]);
  #seen = 0;

  /** `initial`: the other side's INITIAL_WINDOW_SIZE, acknowledged already. */
  constructor(peer: WirePeer, initial: number) {
    this.#peer = peer;
    this.#initial = initial;
  }

  /** Sends as much of `octets` as fits, and the padding if that fits as well; gives how many of the octets went out. END_STREAM goes with the last. */
  send(id: number, octets: Buffer, options: { end?: boolean; padding?: number | null } = {}): number {
    const padding = options.padding ?? null;
    const overhead = padding === null ? 0 : padding + 1;
    const room = Math.min(this.left(0), this.left(id)) - overhead;
    if (room < 0) return 0;
    const size = Math.min(octets.length, room, 16_384 - overhead);
    const end = options.end === true && size === octets.length;
    this.#windows.set(0, this.left(0) - size - overhead);
    this.#windows.set(id, this.left(id) - size - overhead);
    this.#peer.send(data(id, octets.subarray(0, size), { padding, end }));
    return size;
  }

  /** What may still be sent on a stream, or, for 0, on the connection. */
  left(id: number): number {
    for (; this.#seen < this.#peer.received.length; this.#seen++) {
      const frame = this.#peer.received[this.#seen];
      if (frame?.type !== 'WINDOW_UPDATE') continue;
      const window = this.#windows.get(frame.streamId) ?? this.#initial;
      this.#windows.set(frame.streamId, window + frame.increment);
    }
    return this.#windows.get(id) ?? this.#initial;
  }
}
