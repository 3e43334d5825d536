import type { OutriggerError } from '../../base/errors.ts';
import type { Log, LogFields } from '../../base/log.ts';

/**
 * Logs what is wrong with a registry once, however many services see it: a thousand services on one etcd that went away are one
 * line, and one more when the last of them has its answer. The lines in between are there at level `debug`.
 */
export class TroubleLog {
  readonly #log: Log;
  /** How many services have each trouble, by registry and error code. */
  readonly #services = new Map<string, number>();

  constructor(log: Log) {
    this.#log = log;
  }

  begins(registry: string, error: OutriggerError, fields: LogFields): void {
    const key = `${registry} ${error.code}`;
    const services = this.#services.get(key) ?? 0;
    this.#services.set(key, services + 1);
    const level = services === 0 ? 'warn' : 'debug';
    this.#log[level](error.message, { ...fields, registry, reason: error.code, hint: error.hint });
  }

  /** `cured`: the service has an answer again; else it has another trouble, or is not followed any more. */
  ends(registry: string, error: OutriggerError, fields: LogFields, cured: boolean): void {
    const key = `${registry} ${error.code}`;
    const services = (this.#services.get(key) ?? 1) - 1;
    if (services > 0) this.#services.set(key, services);
    else this.#services.delete(key);
    if (!cured) return;
    if (services === 0) this.#log.info(`The registry "${registry}" answers again.`, { registry, after: error.code });
    else this.#log.debug(`The registry "${registry}" answers again.`, { ...fields, registry, after: error.code });
  }
}
