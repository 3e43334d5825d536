import { add, type Block, SERVICE } from '../../model/counters.ts';
import { EJECTION_REASONS, type EjectionReason, type OutlierSettings } from '../../model/resilience.ts';
import type { PassiveHealth, Verdict } from './passive_health.ts';

/** gRPC's DEADLINE_EXCEEDED. */
const DEADLINE_EXCEEDED = 4;

/** What outlier detection sees of an instance. */
export interface Judged {
  readonly id: string;
  readonly health: PassiveHealth;
  /** Leaves it out from now on; `ms` later `probationBegins` is called, unless it has come back before. */
  eject(ms: number, reason: EjectionReason): void;
}

/**
 * Passive health of a service's instances in one data thread (gRFC A50): whoever fails too often, alone or compared with the others, is
 * left out for a while. Counting is a few additions per request; judging happens after a failure, or at each sweep.
 *
 *     well -- consecutive failures, success rate, failure percentage --> out -- its time is over --> probing (one request)
 *      ^                                                                  ^                              |   |
 *      |                                                                  +------------ it failed -------+   |
 *      +---------------------------------- it succeeded ------------------------------------------------- --+
 */
export class OutlierDetector {
  #settings: OutlierSettings | null;
  #failureCodes = 0;
  readonly #instances: () => readonly Judged[];
  #sweptAt: number | null = null;

  constructor(settings: OutlierSettings | null, instances: () => readonly Judged[]) {
    this.#settings = settings;
    this.#instances = instances;
    this.configure(settings);
  }

  configure(settings: OutlierSettings | null): void {
    this.#settings = settings;
    this.#failureCodes = settings === null ? 0 : settings.failureCodes.reduce((mask, code) => mask | (1 << code), 0);
  }

  /** Whether an answer with this gRPC code (0 to 16) counts as a failure of the instance. */
  isFailure(code: number): boolean {
    return (this.#failureCodes & (1 << code)) !== 0;
  }

  /** What a complete answer with this gRPC code says of the instance. */
  verdict(code: number): Verdict {
    return this.isFailure(code) ? 'failed' : 'well';
  }

  /** What it says of an instance that it let the deadline pass. */
  get deadlineVerdict(): Verdict {
    return this.isFailure(DEADLINE_EXCEEDED) ? 'failed' : 'unknown';
  }

  succeeded(instance: Judged): void {
    const health = instance.health;
    health.consecutive = 0;
    health.successes++;
  }

  /** Counts a failure at `now`, in milliseconds: that of the request which probed it, or another. `block` is where ejections are counted. */
  failed(instance: Judged, probe: boolean, now: number, block: Block): void {
    const settings = this.#settings;
    if (settings === null) return;
    // An interval that is over must not wait for the next look at all instances.
    this.sweep(now, block);
    const health = instance.health;
    health.consecutive++;
    health.failures++;
    if (health.ejected) return;
    if (probe) return this.#eject(instance, 'probe_failed', settings, block, true);
    const limit = settings.consecutiveFailures;
    if (limit !== null && health.consecutive >= limit) this.#eject(instance, 'consecutive_failures', settings, block);
  }

  /** Judges the rates once per interval; `now` in milliseconds. */
  sweep(now: number, block: Block): void {
    const settings = this.#settings;
    if (settings === null) return;
    this.#sweptAt ??= now;
    if (now - this.#sweptAt < settings.interval) return;
    this.#sweptAt = now;
    const instances = this.#instances();
    this.#judgeSuccessRates(instances, settings, block);
    this.#judgePercentages(instances, settings, block);
    for (const { health } of instances) {
      health.successes = 0;
      health.failures = 0;
      if (!health.ejected && health.ejections > 0) health.ejections--;
    }
  }

  #judgeSuccessRates(instances: readonly Judged[], settings: OutlierSettings, block: Block): void {
    const rule = settings.successRate;
    if (rule === null) return;
    const counted = instances.filter((instance) => volume(instance) >= rule.requestVolume);
    if (counted.length < rule.minimumHosts) return;
    const rates = counted.map(({ health }) => health.successes / (health.successes + health.failures));
    const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
    const variance = rates.reduce((sum, rate) => sum + (rate - mean) ** 2, 0) / rates.length;
    const least = mean - rule.stdev * Math.sqrt(variance);
    for (const [index, instance] of counted.entries()) {
      if ((rates[index] as number) < least) this.#eject(instance, 'success_rate', settings, block);
    }
  }

  #judgePercentages(instances: readonly Judged[], settings: OutlierSettings, block: Block): void {
    const rule = settings.failurePercentage;
    if (rule === null) return;
    const counted = instances.filter((instance) => volume(instance) >= rule.requestVolume);
    if (counted.length < rule.minimumHosts) return;
    for (const instance of counted) {
      const { failures } = instance.health;
      if (failures / volume(instance) >= rule.threshold) {
        this.#eject(instance, 'failure_percentage', settings, block);
      }
    }
  }

  /** @param again it was out until a moment ago, and keeps its place among those that may be */
  #eject(instance: Judged, reason: EjectionReason, settings: OutlierSettings, block: Block, again = false): void {
    const { health } = instance;
    if (health.ejected) return;
    const instances = this.#instances();
    let out = 0;
    for (const other of instances) if (other.health.ejected) out++;
    // At most a share of them, but one always (gRFC A50); and never the last.
    const share = out === 0 || (out + 1) / instances.length <= settings.maxEjected;
    const room = again || (share && out + 1 < instances.length);
    if (!room) {
      // Another chance: or it would be judged again with every single failure.
      health.consecutive = 0;
      return;
    }
    health.ejections++;
    health.consecutive = 0;
    health.probe = 'none';
    const ms = Math.min(settings.maxEjection, settings.baseEjection * health.ejections);
    add(block, SERVICE.EJECTIONS + EJECTION_REASONS.indexOf(reason), 1);
    instance.eject(ms, reason);
  }
}

function volume({ health }: Judged): number {
  return health.successes + health.failures;
}
