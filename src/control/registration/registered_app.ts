import { backoffDelay, REGISTRY_BACKOFF } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import { describeError, OutriggerError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { RegisterOptions } from '../../config/register_options.ts';
import type { RegistryOptions } from '../../config/registry_options.ts';
import { parseAddress, type Target } from '../../model/instance.ts';
import { type Opinion, Prober } from '../health/prober.ts';
import { checkText, openProbe } from '../health/probes/open.ts';
import { Keeper, type KeeperState } from './keeper.ts';
import { openWriter } from './open_writer.ts';
import { ownAddress } from './own_address.ts';
import type { Registration } from './registration.ts';

/** `locating`: its address is being found out. `refused`: it can never be registered as it is configured. */
export type RegistrationState = KeeperState | 'locating' | 'refused';

/** How one entry of `register:` stands, for logs, metrics and the admin server. */
export interface RegistrationStatus {
  readonly service: string;
  readonly registry: string;
  /** Null while it is being found out. */
  readonly address: string | null;
  /** The key or id of the record; null before there is one. */
  readonly place: string | null;
  readonly state: RegistrationState;
  /** When the state began, in epoch milliseconds. */
  readonly since: number;
  /** Why it is not registered; null when it is. */
  readonly reason: string | null;
}

export interface RegisteredAppDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly registries: ReadonlyMap<string, RegistryOptions>;
  /** An entry can never be registered as it is configured; the log has said why. */
  readonly refused?: () => void;
}

/** Share by which the intervals of health checks vary. */
const JITTER = 0.1;
/** Longest wait for one request to the registry, in milliseconds. */
const REQUEST_LIMIT = 5_000;

/** One entry of `register:`: finds the address, watches the app's health, and keeps it registered while it is well. */
export class RegisteredApp {
  readonly #options: RegisterOptions;
  readonly #deps: RegisteredAppDeps;
  readonly #registry: RegistryOptions;
  readonly #since: number;
  #keeper: Keeper | null = null;
  #prober: Prober | null = null;
  #error: OutriggerError | null = null;
  #refused = false;
  #stopped = false;
  #wake: () => void = () => {};

  constructor(options: RegisterOptions, deps: RegisteredAppDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#registry = deps.registries.get(options.registry) as RegistryOptions;
    this.#since = deps.clock.now();
    void this.#locate();
  }

  get status(): RegistrationStatus {
    const { service, registry } = this.#options;
    const keeper = this.#keeper;
    if (keeper === null) {
      const state = this.#refused ? 'refused' : 'locating';
      return {
        service,
        registry,
        address: null,
        place: null,
        state,
        since: this.#since,
        reason: this.#error?.message ?? null,
      };
    }
    const { place, state, since, reason } = keeper;
    return { service, registry, address: keeper.registration.address, place, state, since, reason };
  }

  /** Takes the app out. Resolves when it is out, within a bounded time. Never rejects. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wake();
    this.#prober?.close();
    await this.#keeper?.stop();
  }

  /** The way to the registry may not be there yet: tried until it is. */
  async #locate(): Promise<void> {
    const { clock, log } = this.#deps;
    const { service, registry } = this.#options;
    for (let failures = 1; !this.#stopped; failures++) {
      try {
        const address = await ownAddress(this.#options, this.#registry);
        if (!this.#stopped) this.#begin(address);
        return;
      } catch (cause) {
        const error =
          cause instanceof OutriggerError
            ? cause
            : new OutriggerError('register_failed', describeError(cause), { cause });
        const fields = { service, registry, reason: error.code, hint: error.hint };
        this.#refused = error.code !== 'register_no_route';
        if (this.#refused) log.error(`${error.message}. It is not registered.`, fields);
        else if (this.#error === null) log.warn(error.message, fields);
        this.#error = error;
        if (this.#refused) return this.#deps.refused?.();
      }
      await new Promise<void>((resolve) => {
        const cancel = clock.after(backoffDelay(REGISTRY_BACKOFF, failures), resolve);
        this.#wake = () => {
          cancel();
          resolve();
        };
      });
    }
  }

  #begin(address: string): void {
    const { clock, log } = this.#deps;
    const { service, registry, health, version, weight, zone, metadata, path, format, ttlMs } = this.#options;
    const id = this.#options.id ?? ownId(service, address);
    const registration: Registration = { service, id, address, version, weight, zone, metadata, path, format, ttlMs };
    const keeper = new Keeper(
      { registration, registry, passing: health === null },
      {
        clock,
        log,
        writer: (lost) => openWriter(registry, this.#registry, registration, { timeout: REQUEST_LIMIT, lost }, clock),
      },
    );
    this.#keeper = keeper;
    if (health === null) return;
    const target = parseAddress(health.address ?? address) as Target;
    const { check, interval, timeout, rise, fall } = health;
    const fields = { service, address: health.address ?? address, check: checkText(check) };
    this.#prober = new Prober(
      { interval, rise, fall, initial: 'unknown', jitter: JITTER, firstAfter: 0 },
      {
        clock,
        probe: (events) => openProbe(check, { target, secure: null, timeout }, events),
        changed(opinion: Opinion, reason) {
          if (keeper.state === 'waiting' && opinion === 'failing')
            log.info(`The app is not registered yet: its health check fails: ${reason}.`, fields);
          keeper.health(opinion === 'passing', reason ?? 'passes');
        },
        noted: (note) => log.info(`Health check: ${note}.`, fields),
      },
    );
  }
}

/** Its own name, made of what makes it unique: an app that crashed and came back replaces its old record, which may stand for a TTL. */
function ownId(service: string, address: string): string {
  return `${service}-${address.replaceAll(/[^A-Za-z0-9.]+/g, '-').replaceAll(/^-|-$/g, '')}`;
}
