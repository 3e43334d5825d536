/**
 * Every bound of the engine, in one place; docs/limits.md is made from it. What a peer can make us hold for one connection is at most
 * `connectionWindow` + `maxHeldHeaders` + `maxBufferedControl` + `maxBufferedHeaders` + `MAX_UNWRITTEN`, whatever it sends and however
 * little it reads (the last three once more for the write that is under way). DATA that waits for the side it goes to is bounded by
 * `maxConcurrentStreams` x `streamWindow`, and by `MAX_HELD` for all connections of a thread.
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
  /** Octets of the header lists of all requests that are open at once on one connection, counted in the same way. Beyond it requests are refused. */
  readonly maxHeldHeaders: number;
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
   * Frames that cost us work and carry nothing (PING, SETTINGS, PRIORITY, empty DATA, late resets, WINDOW_UPDATE beyond two for each
   * stream and DATA frame, ...), allowed per second and as a burst. Beyond it the connection ends with ENHANCE_YOUR_CALM.
   */
  readonly maxOverheadFrames: number;
  /** Streams that the peer resets right after opening them, or makes us reset, allowed per second and as a burst. */
  readonly maxResets: number;
  /**
   * Client role: streams that we reset at once. Beyond it a call ends for its client at once, and at the instance when its turn comes
   * (`RESET_RATE`). Servers end connections on which more is reset, with everybody's calls on them (nghttp2, and so Node: 1,000 and 33
   * per second), and a client that opens and cancels would have us do it.
   */
  readonly resetBurst: number;
  /** How long a header block, or any frame but DATA, may take from its first octet to its last, in milliseconds. */
  readonly frameTimeout: number;
  /**
   * How long a peer may take nothing at all of what waits for it, in milliseconds; null: as long as it likes. A stream whose window stays
   * shut is reset then, a connection whose socket takes nothing ends.
   */
  readonly stallTimeout: number | null;
  /** Server role: how long a connection may be without a stream before it ends in order, in milliseconds; null: as long as it likes. */
  readonly idleTimeout: number | null;
}

/** Octets of frames that wait behind a write before DATA waits on its stream instead, where it can be told apart and dropped. */
export const MAX_UNWRITTEN = 2 * 1024 * 1024;

/**
 * Octets of DATA that may wait in one thread for the side they go to. Their senders have their connection credit back (else a few
 * streams that nobody reads would stall every other stream of the connection), so that what bounds them is the stream windows, and
 * this: beyond it connection credit is held back as well, and senders with many such streams are stalled whole.
 */
export const MAX_HELD = 64 * 1024 * 1024;

/** `stallTimeout` while more than half of `MAX_HELD` waits, in milliseconds: room is needed for those who do read. */
export const STALL_TIMEOUT_UNDER_PRESSURE = 5_000;

/** `resetBurst` fills up again at this rate per second. */
export const RESET_RATE = 30;

/** Streams whose reset waits: a connection to an instance with more of them is replaced, which ends them all at once. */
export const MAX_POSTPONED_RESETS = 500;

/** How often all connections of a thread are looked at, in milliseconds: the time limits are kept to this precision. */
export const SWEEP_INTERVAL = 2_500;

/** How long a client may take to answer the PING of our shutdown before its connection is treated as if it had. */
export const SHUTDOWN_PING_TIMEOUT = 5_000;

/** Connections of apps in one data thread; one app needs a handful. Beyond it new ones are closed at once. */
export const MAX_CONNECTIONS = 10_000;

const COMMON = {
  streamWindow: 256 * 1024,
  connectionWindow: 16 * 1024 * 1024,
  maxHeaderListSize: 64 * 1024,
  maxHeldHeaders: 16 * 1024 * 1024,
  maxHeaderBlock: 64 * 1024,
  maxContinuations: 8,
  headerTableSize: 4096,
  maxBufferedControl: 64 * 1024,
  maxBufferedHeaders: 16 * 1024 * 1024,
  maxOverheadFrames: 10_000,
  resetBurst: 800,
  frameTimeout: 10_000,
  stallTimeout: 300_000,
  idleTimeout: 3_600_000,
};

/** What a client of ours may do. 4,096 streams: apps put all their calls, long-lived ones too, on one connection. */
export const DOWNSTREAM_LIMITS: Limits = { ...COMMON, maxConcurrentStreams: 4096, maxResets: 2_000 };

/** What an instance may do. */
export const UPSTREAM_LIMITS: Limits = { ...COMMON, maxConcurrentStreams: 0, maxResets: 20_000 };
