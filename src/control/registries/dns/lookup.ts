import type { Clock } from '../../../base/clock.ts';
import type { DnsTarget } from '../../../config/dns_path.ts';
import { type Instance, parseAddress } from '../../../model/instance.ts';
import type { BadRecord, RegistryAnswer } from '../registry.ts';
import { nobodyAnswers } from './errors.ts';
import type { DnsResolver, Hosts, SrvRecord } from './resolver.ts';
import { byPriority, weightOf } from './srv.ts';

/** What resolving a path once gave. */
export interface Found {
  readonly answer: RegistryAnswer;
  /** How long it is true, in milliseconds; null when nothing was found that says it. */
  readonly ttl: number | null;
}

interface Known {
  readonly hosts: readonly string[];
  /** In epoch milliseconds. */
  readonly until: number;
}

/** How many targets of an SRV answer are resolved at a time. */
const LANES = 16;

/** Resolves what a path stands for, and remembers the targets of SRV records for as long as they are true. */
export class Lookup {
  readonly #targets: readonly DnsTarget[];
  readonly #resolver: DnsResolver;
  readonly #clock: Clock;
  #known = new Map<string, Known>();

  constructor(targets: readonly DnsTarget[], resolver: DnsResolver, clock: Clock) {
    this.#targets = targets;
    this.#resolver = resolver;
    this.#clock = clock;
  }

  /**
   * Resolves all names of the path now. Rejects when one cannot be told; the targets of SRV records are different, since one that
   * cannot be resolved must not keep the others from being used: it has the addresses it had before, or is a bad record.
   */
  async resolve(): Promise<Found> {
    const byAddress = new Map<string, Instance>();
    const bad: BadRecord[] = [];
    const ttls: number[] = [];
    const used = new Map<string, Known>();
    for (const target of this.#targets) {
      const instances = target.port === null ? await this.#srv(target, bad, used) : await this.#host(target, ttls);
      for (const instance of instances) if (!byAddress.has(instance.address)) byAddress.set(instance.address, instance);
    }
    this.#known = used;
    // SRV records are as old as their addresses: Node does not tell their own TTL, and those who write them set both alike.
    for (const { until } of used.values()) ttls.push(Math.max(0, until - this.#clock.now()));
    return { answer: { instances: [...byAddress.values()], bad }, ttl: ttls.length === 0 ? null : Math.min(...ttls) };
  }

  async #host({ name, port, version }: DnsTarget, ttls: number[]): Promise<readonly Instance[]> {
    const { hosts, ttl } = await this.#resolver.addresses(name);
    if (ttl !== null) ttls.push(ttl);
    return hosts.map((host) => {
      const address = `${host}:${port}`;
      return { id: address, address, version, weight: 1, zone: null, metadata: { host: name } };
    });
  }

  async #srv(target: DnsTarget, bad: BadRecord[], used: Map<string, Known>): Promise<readonly Instance[]> {
    for (const group of byPriority(await this.#resolver.srv(target.name))) {
      const failures = await this.#resolveTargets(group, used);
      const instances: Instance[] = [];
      let failure: unknown = null;
      for (const record of group) {
        const { name, port } = record;
        const where = `${target.name} SRV ${record.priority} ${record.weight} ${port} ${name}`;
        const failed = failures.get(name);
        if (failed !== undefined && !used.has(name)) {
          failure = failed;
          bad.push({ key: where, problem: `has a target that cannot be resolved: ${String(failed)}` });
          continue;
        }
        for (const host of used.get(name)?.hosts ?? []) {
          const address = `${host}:${port}`;
          if (parseAddress(address) === null) bad.push({ key: where, problem: `has no usable port: found ${port}` });
          else {
            const weight = weightOf(record, group);
            const { version } = target;
            instances.push({ id: `${name}:${port}`, address, version, weight, zone: null, metadata: { host: name } });
          }
        }
      }
      if (instances.length > 0) return instances;
      // Whether this priority has instances is not known: the next one is not theirs yet.
      if (failure !== null) throw failure;
    }
    return [];
  }

  /** Puts the addresses of a group's targets into `used`; gives the errors of those that could not be resolved now. */
  async #resolveTargets(group: readonly SrvRecord[], used: Map<string, Known>): Promise<Map<string, unknown>> {
    const failures = new Map<string, unknown>();
    const waiting = [...new Set(group.map(({ name }) => name))].filter((name) => !used.has(name));
    let away: unknown = null;
    const one = async (name: string): Promise<void> => {
      const known = this.#known.get(name);
      const now = this.#clock.now();
      try {
        if (known !== undefined && known.until > now) used.set(name, known);
        else if (away !== null) throw away;
        else used.set(name, knownOf(await this.#resolver.addresses(name), now));
      } catch (error) {
        if (nobodyAnswers(error)) away = error;
        failures.set(name, error);
        if (known !== undefined) used.set(name, { hosts: known.hosts, until: now });
      }
    };
    const lanes = Array.from({ length: LANES }, async () => {
      for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) await one(name);
    });
    await Promise.all(lanes);
    return failures;
  }
}

/** Addresses that do not exist are no reason to ask for them again at once. */
const NOTHING_FOR = 5_000;

function knownOf({ hosts, ttl }: Hosts, now: number): Known {
  return { hosts, until: now + (ttl ?? NOTHING_FOR) };
}
