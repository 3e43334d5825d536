import { createHash } from 'node:crypto';

/** What a client asks, what it does meanwhile, and what the server is to do: the same for every pairing of clients and servers. */
export interface Exchange {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'HEAD';
  /** Fields that come back in the answer; their names begin with `x-e-`. */
  readonly fields: readonly (readonly [string, string])[];
  /** Sizes of the pieces in which the body is written; null for none. */
  readonly body: readonly number[] | null;
  readonly contentLength: boolean;
  /** Come back after the body. */
  readonly trailers: readonly (readonly [string, string])[] | null;
  /**
   * `echo`: the body and the trailers come back. `early`: a complete answer, while the request may still be under way. `reset`: RST_STREAM
   * with INTERNAL_ERROR. `interim`: a 103 before the echo. `empty`: 204. `half`: headers and some DATA, then RST_STREAM with INTERNAL_ERROR.
   */
  readonly server: 'echo' | 'early' | 'reset' | 'interim' | 'empty' | 'half';
  /** The client resets the stream when the answer's headers are there. */
  readonly cancels: boolean;
}

/** What a client has seen of one exchange, in a form that does not depend on whose client it is. */
export interface Outcome {
  interim: number[];
  status: number | null;
  fields: Record<string, string>;
  octets: number;
  digest: string;
  trailers: Record<string, string> | null;
  /** The code of the RST_STREAM that ended the stream; null when it ended in order. */
  reset: number | null;
}

/** Plays exchanges on one connection, all at once, and gives the outcomes in order. */
export interface ExchangeClient {
  play(exchanges: readonly Exchange[]): Promise<Outcome[]>;
}

export const INTERNAL_ERROR = 2;
export const CANCEL = 8;

/** The body of an exchange, its pieces in turn; what it holds depends on where, so that nothing can be swapped unseen. */
export function pieces(exchange: Exchange): Buffer[] {
  let at = 0;
  return (exchange.body ?? []).map((size) => {
    const piece = Buffer.allocUnsafe(size);
    for (let i = 0; i < size; i++, at++) piece[i] = (at * 131 + (at >> 8) * 7) & 0xff;
    return piece;
  });
}

/** Collects what a client sees. */
export class OutcomeRecorder {
  readonly #outcome: Outcome = {
    interim: [],
    status: null,
    fields: {},
    octets: 0,
    digest: '',
    trailers: null,
    reset: null,
  };
  readonly #hash = createHash('sha1');
  readonly #cancels: boolean;

  constructor(exchange: Exchange) {
    this.#cancels = exchange.cancels;
  }

  interim(status: number): void {
    this.#outcome.interim.push(status);
  }
  response(status: number, fields: readonly (readonly [string, string])[]): void {
    this.#outcome.status = status;
    this.#outcome.fields = ours(fields);
  }
  data(octets: Uint8Array): void {
    this.#outcome.octets += octets.length;
    this.#hash.update(octets);
  }
  trailers(fields: readonly (readonly [string, string])[]): void {
    this.#outcome.trailers = ours(fields);
  }
  /** `code`: as `Outcome.reset`. */
  end(code: number | null): Outcome {
    const outcome = this.#outcome;
    outcome.reset = code;
    outcome.digest = this.#hash.digest('hex');
    // How much of an answer arrives before the client resets it, or the server does, is a matter of timing.
    if (this.#cancels || code !== null) Object.assign(outcome, { octets: 0, digest: '', trailers: null });
    return outcome;
  }
}

/** The fields that are ours to compare, those of one name joined as RFC 9110 section 5.3 allows. */
function ours(fields: readonly (readonly [string, string])[]): Record<string, string> {
  const joined: Record<string, string> = {};
  for (const [name, value] of fields) {
    if (!name.startsWith('x-e-')) continue;
    const before = joined[name];
    joined[name] = before === undefined ? value : `${before}, ${value}`;
  }
  return Object.fromEntries(Object.entries(joined).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The fields of the request, pseudo-headers first. */
export function requestFields(exchange: Exchange): (readonly [string, string])[] {
  const length = (exchange.body ?? []).reduce((sum, size) => sum + size, 0);
  return [
    [':method', exchange.method],
    [':scheme', 'http'],
    [':path', '/exchange'],
    [':authority', 'example.test'],
    ['x-do', exchange.server],
    ...(exchange.trailers === null ? [] : [['x-trailers', 'yes'] as const]),
    ...(exchange.contentLength && exchange.body !== null ? [['content-length', String(length)] as const] : []),
    ...exchange.fields,
  ];
}
