import type { Connection } from './connection.ts';
import { ERROR } from './frame/codes.ts';
import { pressed } from './held.ts';
import { type Limits, SHUTDOWN_PING_TIMEOUT, STALL_TIMEOUT_UNDER_PRESSURE } from './limits.ts';

/**
 * Keeps the time limits of one connection. Nothing is done for them when frames come or go: a look every `SWEEP_INTERVAL` finds what has
 * not changed since the one before.
 */
export class Vigil {
  readonly #connection: Connection;
  readonly #limits: Limits;
  #unfinished = 0;
  #unfinishedSince = 0;
  #flushes = -1;
  #writingSince = 0;
  #lastStreamId = -1;
  #idleSince = 0;
  #shutdownSince = 0;

  constructor(connection: Connection, limits: Limits) {
    this.#connection = connection;
    this.#limits = limits;
  }

  /** One look, at `now`, in monotonic milliseconds. */
  sweep(now: number): void {
    const connection = this.#connection;
    if (this.#arrivesTooSlowly(now)) return connection.fail(ERROR.ENHANCE_YOUR_CALM, 'frame_timeout');
    const patience = this.#limits.stallTimeout ?? Number.POSITIVE_INFINITY;
    const limit = pressed() ? Math.min(patience, STALL_TIMEOUT_UNDER_PRESSURE) : patience;
    if (this.#takesNothing(now, limit)) return connection.fail(ERROR.ENHANCE_YOUR_CALM, 'connection_stalled');
    this.#resetStalledStreams(now, limit);
    if (connection.server) this.#endIdle(now);
  }

  /** A frame or header block that is begun and not ended holds up everything behind it. */
  #arrivesTooSlowly(now: number): boolean {
    const unfinished = this.#connection.unfinished;
    if (unfinished === 0 || unfinished !== this.#unfinished) {
      this.#unfinished = unfinished;
      this.#unfinishedSince = now;
      return false;
    }
    return now - this.#unfinishedSince >= this.#limits.frameTimeout;
  }

  /** A write that does not complete. */
  #takesNothing(now: number, limit: number): boolean {
    const { sender } = this.#connection;
    if (!sender.writing || sender.flushes !== this.#flushes) {
      this.#flushes = sender.flushes;
      this.#writingSince = now;
      return false;
    }
    return now - this.#writingSince >= limit;
  }

  /** Streams whose DATA waits for a window that stays shut. */
  #resetStalledStreams(now: number, limit: number): void {
    const { streams } = this.#connection;
    if (streams.size === 0) return;
    for (const stream of streams.all()) {
      if (stream.waiting === null) continue;
      if (stream.stalledAt === 0) stream.stalledAt = now;
      else if (now - stream.stalledAt >= limit) {
        this.#connection.rejectStream(stream, ERROR.ENHANCE_YOUR_CALM, 'stream_stalled');
      }
    }
  }

  #endIdle(now: number): void {
    const connection = this.#connection;
    const { lastPeerStreamId } = connection.receiver;
    if (connection.awaitsShutdownPing) {
      if (this.#shutdownSince === 0) this.#shutdownSince = now;
      else if (now - this.#shutdownSince >= SHUTDOWN_PING_TIMEOUT) connection.finishShutdown();
    } else if (connection.streams.size > 0 || lastPeerStreamId !== this.#lastStreamId) {
      this.#lastStreamId = lastPeerStreamId;
      this.#idleSince = now;
    } else {
      const { idleTimeout } = this.#limits;
      if (idleTimeout !== null && now - this.#idleSince >= idleTimeout) connection.shutdown();
    }
  }
}
