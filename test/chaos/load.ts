import * as grpc from '@grpc/grpc-js';
import { connectEcho, type EchoClient, type Outcome } from '../support/echo_client.ts';

/**
 * Unary calls that nobody may send twice, unary calls of a service with a retry policy, and streams of half a second: of the server's, of the
 * client's and of both, in turn.
 */
export const KINDS = ['unary', 'retried', 'stream'] as const;
export type Kind = (typeof KINDS)[number];

/** Calls per second of each kind; together few enough for two busy cores. */
const RATES: Readonly<Record<Kind, number>> = { unary: 25, retried: 25, stream: 8 };
/** Of every call, in milliseconds. */
export const DEADLINE = 2_000;
const STREAM_PIECES = 10;
const STREAM_PAUSE = 50;

/** One call and what became of it. Times in milliseconds of `performance.now()`. */
export interface Sample {
  readonly kind: Kind;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly code: number;
  readonly details: string;
  /** The instance that answered; null: nobody did. */
  readonly instance: string | null;
}

/** Clients at a steady rate: a call begins when its time has come, whatever became of those before it. */
export class Load {
  readonly samples: Sample[] = [];
  readonly #clients: Readonly<Record<Kind, EchoClient>>;
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #patient: boolean;
  #open = 0;
  #streams = 0;

  /**
   * @param ordinary the clients wait for a connection, and send again what was certainly not processed, as they do by default; else every
   * failure of the sidecar's is one of theirs
   */
  constructor(address: string, ordinary: boolean) {
    this.#patient = ordinary;
    const client = (service: string): EchoClient =>
      connectEcho(address, service, grpc.credentials.createInsecure(), { 'grpc.enable_retries': ordinary ? 1 : 0 });
    this.#clients = { unary: client('echo'), retried: client('echo-retried'), stream: client('echo') };
  }

  /** Calls under way. */
  get open(): number {
    return this.#open;
  }

  start(): void {
    for (const kind of KINDS) {
      const pause = 1_000 / RATES[kind];
      let due = performance.now();
      // One timer that is late makes up for what it missed: the rate is what counts.
      const tick = (): void => {
        for (const now = performance.now(); due <= now; due += pause) void this.#call(kind);
      };
      this.#timers.push(setInterval(tick, Math.min(pause, 20)));
    }
  }

  async #call(kind: Kind): Promise<void> {
    const startedAt = performance.now();
    this.#open++;
    const { code, details, replies } = await this.#send(kind);
    this.#open--;
    const instance = replies[0]?.name ?? null;
    this.samples.push({ kind, startedAt, endedAt: performance.now(), code, details, instance });
  }

  #send(kind: Kind): Promise<Outcome> {
    const client = this.#clients[kind];
    const options = { deadlineMs: DEADLINE, patient: this.#patient };
    if (kind !== 'stream') return client.unary('chaos', options);
    const pieces = Array.from({ length: STREAM_PIECES }, () => 'chaos');
    switch (this.#streams++ % 3) {
      case 0:
        return client.serverStream('chaos', {
          ...options,
          metadata: [
            ['echo-replies', String(STREAM_PIECES)],
            ['echo-sleep-ms', String(STREAM_PAUSE)],
          ],
        });
      case 1:
        return client.clientStream(pieces, { ...options, metadata: [['echo-read-ms', String(STREAM_PAUSE)]] });
      default:
        return client.bidi(pieces, { ...options, metadata: [['echo-sleep-ms', String(STREAM_PAUSE)]] });
    }
  }

  /** No further calls; resolves when the last one has ended. */
  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    while (this.#open > 0) await new Promise((resolve) => setTimeout(resolve, 10));
    for (const client of Object.values(this.#clients)) client.close();
  }
}
