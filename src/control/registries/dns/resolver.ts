import type { Resolver } from 'node:dns/promises';
import type { DnsOptions } from '../../../config/dns_options.ts';
import { saysNothing } from './errors.ts';

/** The addresses of a host. */
export interface Hosts {
  /** IP addresses; IPv6 in brackets. None: the name servers say that there are none. */
  readonly hosts: readonly string[];
  /** How long that is true, in milliseconds; null when there is no record that says it. */
  readonly ttl: number | null;
}

/** An SRV record (RFC 2782). */
export interface SrvRecord {
  readonly name: string;
  readonly port: number;
  readonly priority: number;
  readonly weight: number;
}

/** How often each server is asked before a question counts as unanswered: a datagram may be lost. */
const TRIES = 2;

/**
 * Asks name servers, past `/etc/hosts` and the search list of the system: names must be complete. Answers that do not fit into
 * a datagram are asked for again over TCP. What rejects has the codes of c-ares; that there is nothing is no error.
 */
export class DnsResolver {
  readonly #options: DnsOptions;
  #resolver: Resolver | null = null;
  #asking = 0;
  #renew = false;
  #closed = false;

  constructor(options: DnsOptions) {
    this.#options = options;
  }

  async addresses(name: string): Promise<Hosts> {
    const { family } = this.#options;
    if (family === 'ipv4') return this.#addresses4(name);
    if (family === 'ipv6') return this.#addresses6(name);
    const v4 = await this.#addresses4(name);
    if (family === 'auto' && v4.hosts.length > 0) return v4;
    const v6 = await this.#addresses6(name);
    const ttls = [v4.ttl, v6.ttl].filter((ttl) => ttl !== null);
    return { hosts: [...v4.hosts, ...v6.hosts], ttl: ttls.length === 0 ? null : Math.min(...ttls) };
  }

  srv(name: string): Promise<readonly SrvRecord[]> {
    return this.#ask((resolver) => resolver.resolveSrv(name));
  }

  /** Asks for a name that does not exist (RFC 6761), to see whether there is an answer. */
  async probe(): Promise<void> {
    await this.#ask((resolver) => resolver.resolve4('outrigger.invalid'));
  }

  /** Has the servers of the system read again, as soon as nothing is asked of the old ones any more. */
  renew(): void {
    this.#renew = true;
  }

  /** What waits for an answer rejects, and so does all that is asked from now on. */
  close(): void {
    this.#closed = true;
    this.#resolver?.cancel();
  }

  async #addresses4(name: string): Promise<Hosts> {
    const records = await this.#ask((resolver) => resolver.resolve4(name, { ttl: true }));
    return { hosts: records.map(({ address }) => address), ttl: leastTtl(records) };
  }

  async #addresses6(name: string): Promise<Hosts> {
    const records = await this.#ask((resolver) => resolver.resolve6(name, { ttl: true }));
    return { hosts: records.map(({ address }) => `[${address}]`), ttl: leastTtl(records) };
  }

  async #ask<T>(question: (resolver: Resolver) => Promise<readonly T[]>): Promise<readonly T[]> {
    if (this.#closed) throw Object.assign(new Error('the registry was closed'), { code: 'ECANCELLED' });
    if (this.#renew && this.#asking === 0) this.#resolver = null;
    this.#resolver ??= this.#open();
    this.#asking++;
    try {
      return await question(this.#resolver);
    } catch (error) {
      if (saysNothing(error)) return [];
      throw error;
    } finally {
      this.#asking--;
    }
  }

  #open(): Resolver {
    this.#renew = false;
    const { servers, timeout } = this.#options;
    const { promises } = process.getBuiltinModule('node:dns');
    const resolver = new promises.Resolver({ timeout, tries: TRIES });
    if (servers !== undefined) resolver.setServers([...servers]);
    return resolver;
  }
}

function leastTtl(records: readonly { readonly ttl: number }[]): number | null {
  return records.length === 0 ? null : Math.min(...records.map(({ ttl }) => ttl * 1_000));
}
