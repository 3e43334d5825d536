import { type BackoffPolicy, fullJitterDelay } from '../../../base/backoff.ts';
import type { Clock } from '../../../base/clock.ts';
import { OutriggerError } from '../../../base/errors.ts';
import { type ConsulPath, type ParsedConsulPath, parseConsulPath } from '../../../config/consul_path.ts';
import type { ConsulOptions } from '../../../config/registry_options.ts';
import { Gate } from '../gate.ts';
import { findFormat } from '../records/formats.ts';
import type { RecordProtocol } from '../records/record.ts';
import { refuse, refuseFormat } from '../refused.ts';
import type { Registry, RegistryListener, RegistryQuery, RegistryWatch } from '../registry.ts';
import { counted, newRegistryStats } from '../stats.ts';
import { ConsulClient, type ConsulQuestion } from './client.ts';
import { consulError } from './errors.ts';
import { Feed, type FeedDeps } from './feed.ts';
import { CONSUL_TIMING, type ConsulTiming } from './timing.ts';
import { Turns } from './turns.ts';

/** While an agent is away only one of all questions knocks at a time (see `Gate`), so it may knock often. */
const AWAY_BACKOFF: BackoffPolicy = { initial: 200, multiplier: 2, jitter: 1, max: 1_500 };

/** Every cluster has it: the servers themselves. */
const ANY_SERVICE = 'consul';

/** One question, and everybody who asked it. */
interface SharedFeed {
  readonly feed: Feed;
  readonly listeners: Set<RegistryListener>;
}

/** Reads instances from Consul 1.7 and later, through one agent. Queries that ask the same thing share one question. */
export function openConsulRegistry(
  name: string,
  options: ConsulOptions,
  clock: Clock,
  timing: ConsulTiming = { ...CONSUL_TIMING, wait: options.wait ?? CONSUL_TIMING.wait },
): Registry {
  const stats = newRegistryStats();
  const feeds = new Map<string, SharedFeed>();
  const agents = new Map<string, FeedDeps>();
  const ending = new Set<Promise<void>>();
  let closed = false;

  /** The agent at `host`; that of the config for null. A path in the URI form may name another one. */
  function agentAt(host: string | null): FeedDeps {
    const { protocol } = new URL(options.address);
    const address = host === null ? options.address : `${protocol}//${host}`;
    const known = agents.get(address);
    if (known !== undefined) return known;
    const agent: FeedDeps = {
      clock,
      timing,
      gate: new Gate(AWAY_BACKOFF, clock, fullJitterDelay),
      turns: new Turns(timing.mostOpen, timing.leastHeld, clock),
      client: new ConsulClient(address, options, timing, clock),
      explain: (cause, doing) => consulError(cause, name, address, doing),
      feeds: () => feeds.size,
    };
    agents.set(address, agent);
    return agent;
  }

  function questionOf(path: ConsulPath, protocol: RecordProtocol = 'h2'): ConsulQuestion {
    return {
      protocol,
      service: path.service,
      tags: path.tags.toSorted(),
      datacenter: path.datacenter ?? options.datacenter ?? null,
      near: path.near,
      filter: path.filter,
      namespace: path.namespace ?? options.namespace ?? null,
      partition: path.partition ?? options.partition ?? null,
      health: path.health ?? options.health,
      consistency: path.consistency ?? options.consistency,
      limit: path.limit,
    };
  }

  function share(agent: FeedDeps, question: ConsulQuestion, key: string): SharedFeed {
    const listeners = new Set<RegistryListener>();
    const everybody: RegistryListener = {
      set(answer) {
        for (const listener of [...listeners]) listener.set(answer);
      },
      error(error) {
        for (const listener of [...listeners]) listener.error(error);
      },
    };
    const feed = new Feed(question, counted(everybody, stats, clock), agent);
    const shared = { feed, listeners };
    feeds.set(key, shared);
    return shared;
  }

  /** The last watch of a feed takes the feed with it. */
  function leave(key: string, shared: SharedFeed, listener: RegistryListener): void {
    if (!shared.listeners.delete(listener) || shared.listeners.size > 0) return;
    feeds.delete(key);
    const end = shared.feed.close();
    ending.add(end);
    void end.finally(() => ending.delete(end));
  }

  return {
    name,
    type: 'consul',
    stats,
    watch(query: RegistryQuery, listener: RegistryListener): RegistryWatch {
      if (findFormat(query.format) === null) return refuseFormat(query, listener);
      const path = parseConsulPath(query.path);
      if (!path.ok) return refuse(badPath(query.path, path), listener);
      if (closed) return { close: () => Promise.resolve() };
      const agent = agentAt(path.value.host);
      const question = questionOf(path.value, query.protocol);
      const key = JSON.stringify([agent.client.address, question]);
      const shared = feeds.get(key) ?? share(agent, question, key);
      // An own object per watch: the same listener may watch twice.
      const own: RegistryListener = { set: (answer) => listener.set(answer), error: (error) => listener.error(error) };
      shared.listeners.add(own);
      queueMicrotask(() => {
        if (shared.listeners.has(own)) shared.feed.replay(own);
      });
      return {
        async close() {
          leave(key, shared, own);
        },
      };
    },
    async check(path) {
      // It may end before the name, or stand for every name.
      const whole = parseConsulPath(path.replaceAll('{service}', ANY_SERVICE));
      const parsed = whole.ok ? whole : parseConsulPath(path + ANY_SERVICE);
      const agent = agentAt(parsed.ok ? parsed.value.host : null);
      const doing = path === '' ? 'asking for services' : `asking for ${path}`;
      try {
        if (closed) throw new Error('the registry was closed');
        if (!parsed.ok) throw badPath(path, parsed);
        await agent.client.probe(questionOf(parsed.value));
        return null;
      } catch (cause) {
        const error = agent.explain(cause, doing);
        // An answer, too: the token may well be good for each service by itself.
        return error.code === 'consul_permission' ? null : error;
      }
    },
    async names() {
      const agent = agentAt(null);
      try {
        if (closed) throw new Error('the registry was closed');
        return await agent.client.names(options);
      } catch (cause) {
        throw agent.explain(cause, 'listing services');
      }
    },
    async close() {
      closed = true;
      for (const [key, shared] of [...feeds]) {
        for (const listener of [...shared.listeners]) leave(key, shared, listener);
      }
      for (const { client } of agents.values()) client.close();
      await Promise.all(ending);
    },
  };
}

function badPath(path: string, { problem, hint }: Extract<ParsedConsulPath, { ok: false }>): OutriggerError {
  return new OutriggerError('consul_path', `the path ${JSON.stringify(path)} ${problem}`, { hint });
}
