import { LoadTable } from './load_table.ts';

/** Time constant of the latency average and of the memory of failures, in milliseconds (10 s, as Finagle's and Linkerd's). */
const DECAY = 10_000;
/** What a failed request counts as at least, in milliseconds, and how many times the usual latency: it must never look fast. */
const FAILURE_LATENCY = 1_000;
const FAILURE_FACTOR = 10;
/** Bounds of what is remembered of a latency, in milliseconds: 0 stands for nothing known, and one long stream must not count for ever. */
const LEAST_LATENCY = 0.001;
const MOST_LATENCY = 60_000;
/** Weight of the newest outcome in the share of failures. */
const NEWEST = 0.1;
/** A share of failures below this is none: one that is well again must not lose every comparison for minutes. */
const LEAST_FAILURE_SHARE = 0.01;
/** Load reports older than this are not believed any more, in milliseconds (gRFC A58, weight_expiration_period). */
const REPORT_EXPIRY = 180_000;
/** Reports are not acted on before an instance has sent them for this long, in milliseconds (gRFC A58, blackout_period). */
const BLACKOUT = 10_000;

/** Where what is in the line of an instance. */
const IN_FLIGHT = 0;
const LATENCY = 1;
const FAILURE_SHARE = 2;
/** When the last request ended. */
const ENDED_AT = 3;

const NOWHERE = new LoadTable();

/** How an instance has fared lately, as load-aware policies may ask. */
export interface LoadView {
  /** Average latency in milliseconds, failures counted as slow; falls while nothing is heard. 0: nothing is known. */
  latency(now: number): number;
  /** About the share of the last requests that failed, from 0 to 1; falls while nothing is heard. */
  failureShare(now: number): number;
  /** The weight that its own load reports give it (ORCA); 0 when there are none, or none that count yet. */
  reportedWeight(now: number): number;
}

/** Keeps how an instance fares. Times in monotonic milliseconds. */
export class Load implements LoadView {
  #table: LoadTable;
  #line: number;
  #weight = 0;
  #reportedAt = 0;
  /** When the present run of reports began; 0: there is none. */
  #reportsSince = 0;

  constructor(table: LoadTable) {
    this.#table = table;
    this.#line = table.take();
  }

  /** Its index in `table.values`, for `inFlightAt` and the like. */
  get line(): number {
    return this.#line;
  }

  get table(): LoadTable {
    return this.#table;
  }

  /** The instance is gone: gives its line back. Whoever still writes here writes nowhere, and who reads, reads nothing that means anything. */
  release(): void {
    this.#table.give(this.#line);
    this.#table = NOWHERE;
    this.#line = 0;
  }

  /** Requests that it is serving now. */
  get inFlight(): number {
    return inFlightAt(this.#table.values, this.#line);
  }

  set inFlight(count: number) {
    this.#table.values[this.#line + IN_FLIGHT] = count;
  }

  /** A request ended; `latency` in milliseconds. */
  ended(latency: number, failed: boolean, now: number): void {
    const { values } = this.#table;
    const line = this.#line;
    const before = values[line + LATENCY] as number;
    const age = now - (values[line + ENDED_AT] as number);
    const fade = age <= 0 ? 1 : Math.exp(-age / DECAY);
    const cost = failed ? Math.max(latency, FAILURE_LATENCY, before * FAILURE_FACTOR) : latency;
    // Peak sensitive: what got slower is believed at once, what got faster over time.
    const next = cost > before ? cost : before * fade + cost * (1 - fade);
    values[line + LATENCY] = Math.min(MOST_LATENCY, Math.max(LEAST_LATENCY, next));
    values[line + FAILURE_SHARE] =
      (values[line + FAILURE_SHARE] as number) * fade * (1 - NEWEST) + (failed ? NEWEST : 0);
    values[line + ENDED_AT] = now;
  }

  latency(now: number): number {
    return latencyAt(this.#table.values, this.#line, now);
  }

  failureShare(now: number): number {
    return failureShareAt(this.#table.values, this.#line, now);
  }

  /** The instance reported its own load: `weight` as gRFC A58 computes it, above 0. */
  reported(weight: number, now: number): void {
    if (this.#reportsSince === 0 || now - this.#reportedAt >= REPORT_EXPIRY) this.#reportsSince = now;
    this.#weight = weight;
    this.#reportedAt = now;
  }

  reportedWeight(now: number): number {
    if (this.#weight === 0 || now - this.#reportedAt >= REPORT_EXPIRY) return 0;
    return now - this.#reportsSince >= BLACKOUT ? this.#weight : 0;
  }
}

/** Where in the one table of all of them the figures of several instances lie: pickers read them there. */
export class Loads {
  readonly table: LoadTable;
  /** By index: its line. */
  readonly lines: Int32Array;

  /** @param candidates at least one */
  constructor(candidates: readonly { readonly load: Load }[]) {
    this.table = (candidates[0] as { readonly load: Load }).load.table;
    const lines = new Int32Array(candidates.length);
    for (let i = 0; i < lines.length; i++) lines[i] = (candidates[i] as { readonly load: Load }).load.line;
    this.lines = lines;
  }
}

/** `Load.inFlight` of the instance whose line that is. */
export function inFlightAt(values: Float64Array, line: number): number {
  return values[line + IN_FLIGHT] as number;
}

/** `Load.latency` of the instance whose line that is. */
export function latencyAt(values: Float64Array, line: number, now: number): number {
  const latency = values[line + LATENCY] as number;
  const age = now - (values[line + ENDED_AT] as number);
  return latency === 0 || age <= 0 ? latency : latency * Math.exp(-age / DECAY);
}

/** `Load.failureShare` of the instance whose line that is. */
export function failureShareAt(values: Float64Array, line: number, now: number): number {
  const last = values[line + FAILURE_SHARE] as number;
  if (last === 0) return 0;
  const share = last * Math.exp(-Math.max(0, now - (values[line + ENDED_AT] as number)) / DECAY);
  return share < LEAST_FAILURE_SHARE ? 0 : share;
}
