import type { OutriggerError } from '../../base/errors.ts';
import type { Log, LogFields } from '../../base/log.ts';

/** Hears what the log is told. */
export type TroubleListener = (trouble: {
  readonly registry: string;
  readonly error: OutriggerError;
  readonly over: boolean;
}) => void;

/**
 * Logs what is wrong with a registry once, however many services see it: a thousand services on one etcd that went away are one
 * line, and one more when the last of them has its answer. The lines in between are there at level `debug`.
 */
export class TroubleLog {
  readonly #log: Log;
  readonly #listener: TroubleListener;
  /** How many services have each trouble, by registry and error code. */
  readonly #services = new Map<string, number>();

  constructor(log: Log, listener: TroubleListener = () => {}) {
    this.#log = log;
    this.#listener = listener;
  }

  begins(registry: string, error: OutriggerError, fields: LogFields): void {
    const key = `${registry} ${error.code}`;
    const services = this.#services.get(key) ?? 0;
    this.#services.set(key, services + 1);
    const level = services === 0 ? 'warn' : 'debug';
    this.#log[level](error.message, { ...fields, registry, reason: error.code, hint: error.hint });
    if (services === 0) this.#listener({ registry, error, over: false });
  }

  /** `cured`: the service has an answer again; else it has another trouble, or is not followed any more. */
  ends(registry: string, error: OutriggerError, fields: LogFields, cured: boolean): void {
    const key = `${registry} ${error.code}`;
    const services = (this.#services.get(key) ?? 1) - 1;
    if (services > 0) this.#services.set(key, services);
    else this.#services.delete(key);
    if (!cured) return;
    if (services === 0) {
      this.#log.info(`The registry "${registry}" answers again.`, { registry, after: error.code });
      this.#listener({ registry, error, over: true });
    } else this.#log.debug(`The registry "${registry}" answers again.`, { ...fields, registry, after: error.code });
  }
}
