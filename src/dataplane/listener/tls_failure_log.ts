import type { Clock } from '../../base/clock.ts';
import type { TlsFailure, TlsFailureReason } from '../../base/tls_failure.ts';

/** A reason is told at once and then at most this often, in milliseconds: whoever connects could fill the log else. */
const REPEAT_AFTER = 60_000;

type Write = (message: string, fields: Record<string, string | number>) => void;

/** Tells why clients of one listener fail to come in. */
export class TlsFailureLog {
  readonly #address: string;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #write: Write;
  /** By reason: when it was last told, and how often it happened since. */
  readonly #told = new Map<TlsFailureReason, { at: number; since: number }>();

  constructor(address: string, clock: Pick<Clock, 'now'>, write: Write) {
    this.#address = address;
    this.#clock = clock;
    this.#write = write;
  }

  failed({ reason, text, hint }: TlsFailure, from: string): void {
    const now = this.#clock.now();
    const before = this.#told.get(reason);
    if (before !== undefined && now - before.at < REPEAT_AFTER) {
      before.since++;
      return;
    }
    this.#told.set(reason, { at: now, since: 0 });
    const fields = { listen: this.#address, client: from, reason, detail: text, hint };
    const repeated = before === undefined || before.since === 0 ? {} : { not_told: before.since };
    this.#write('A TLS connection of a client failed.', { ...fields, ...repeated });
  }
}
