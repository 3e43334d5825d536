/**
 * Every bound of the engine, in one place. What a peer can make us hold for one connection is at most
 * `connectionWindow` + `maxConcurrentStreams` x `maxHeaderListSize` + `maxBufferedControl` + `maxBufferedHeaders`, whatever it sends
 * and however little it reads (both of the last once more for the write that is under way). DATA that waits for a stream window of
 * the side it goes to is bounded by `maxConcurrentStreams` x `streamWindow`, and by `held.ts` for all connections of a thread.
 */
export interface Limits {
  /** Streams that the peer may have open at once; 0 for the client role, where only we open streams. */
  readonly maxConcurrentStreams: number;
  /** Octets of DATA that the peer may send on one stream before we took any. */
  readonly streamWindow: number;
  /** The same for the whole connection: large, so that one slow reader does not stall the streams beside it. */
  readonly connectionWindow: number;
  /** RFC 9113 section 6.5.2 MAX_HEADER_LIST_SIZE, in octets as RFC 7541 section 4.1 counts them. */
  readonly maxHeaderListSize: number;
  /** Octets of one encoded header block over all its CONTINUATION frames. */
  readonly maxHeaderBlock: number;
  /** CONTINUATION frames of one header block. A block of 64 KiB needs three. */
  readonly maxContinuations: number;
  /** Our side of HPACK: the dynamic table that the peer's encoder may use. */
  readonly headerTableSize: number;
  /** Octets of answers to PING, SETTINGS and resets that may wait because the peer does not read. */
  readonly maxBufferedControl: number;
  /**
   * Octets of header blocks, and of DATA of our own making, that may wait because the peer does not read: no flow-control window
   * covers them. Some 50,000 usual answers.
   */
  readonly maxBufferedHeaders: number;
  /**
   * Frames that cost us work and carry nothing (PING, SETTINGS, PRIORITY, empty DATA, resets, ...), allowed per second and as a
   * burst. Beyond it the connection ends with ENHANCE_YOUR_CALM.
   */
  readonly maxOverheadFrames: number;
  /** Streams that the peer resets right after opening them, or makes us reset, allowed per second and as a burst. */
  readonly maxResets: number;
}

const COMMON = {
  streamWindow: 256 * 1024,
  connectionWindow: 16 * 1024 * 1024,
  maxHeaderListSize: 64 * 1024,
  maxHeaderBlock: 64 * 1024,
  maxContinuations: 8,
  headerTableSize: 4096,
  maxBufferedControl: 64 * 1024,
  maxBufferedHeaders: 16 * 1024 * 1024,
  maxOverheadFrames: 10_000,
};

/** What a client of ours may do. 4,096 streams: apps put all their calls, long-lived ones too, on one connection. */
export const DOWNSTREAM_LIMITS: Limits = { ...COMMON, maxConcurrentStreams: 4096, maxResets: 2_000 };

/** What an instance may do. */
export const UPSTREAM_LIMITS: Limits = { ...COMMON, maxConcurrentStreams: 0, maxResets: 20_000 };
