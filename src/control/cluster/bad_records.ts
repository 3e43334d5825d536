import type { Log } from '../../base/log.ts';
import type { BadRecord } from '../registries/registry.ts';

/** Logs per answer and service; the rest is a number. */
const MAX_LOGGED = 20;

/** Logs each record that cannot be read once, for as long as it says the same, and once more if it comes back. */
export class BadRecords {
  readonly #service: string;
  readonly #registry: string;
  readonly #log: Log;
  #known = new Map<string, string>();

  constructor(service: string, registry: string, log: Log) {
    this.#service = service;
    this.#registry = registry;
    this.#log = log;
  }

  /** Takes the bad records of the newest answer. */
  report(bad: readonly BadRecord[]): void {
    if (bad.length === 0 && this.#known.size === 0) return;
    const fresh = bad.filter(({ key, problem }) => this.#known.get(key) !== problem);
    this.#known = new Map(bad.map(({ key, problem }) => [key, problem]));
    const where = { service: this.#service, registry: this.#registry };
    for (const { key, problem } of fresh.slice(0, MAX_LOGGED)) {
      this.#log.warn(`The record at ${key} ${problem}. It is skipped.`, { ...where, key, reason: 'bad_record' });
    }
    if (fresh.length > MAX_LOGGED) {
      const more = fresh.length - MAX_LOGGED;
      this.#log.warn(`${more} more records cannot be read. They are skipped.`, { ...where, reason: 'bad_record' });
    }
  }
}
