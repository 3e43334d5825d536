import type { Clock } from '../../../base/clock.ts';
import type { OutriggerError } from '../../../base/errors.ts';
import type { EurekaOptions } from '../../../config/registry_options.ts';
import type { Instance } from '../../../model/instance.ts';
import type {
  Registry,
  RegistryAnswer,
  RegistryListener,
  RegistryQuery,
  RegistryWatch,
  SeenRecord,
} from '../registry.ts';
import { counted, newRegistryStats } from '../stats.ts';
import { EurekaApplications, readAnswer } from './applications.ts';
import { EurekaClient } from './client.ts';
import { EurekaStatus, eurekaError } from './errors.ts';
import { decodeInstance } from './instance.ts';
import { Poller } from './poller.ts';

/** Longest wait of `check` for an answer, in milliseconds. */
const CHECK_TIMEOUT = 2_000;

/**
 * Reads instances from Eureka. The last part of a query's path is the name of the application, so that `/services/book/` finds BOOK.
 * A server is asked for everything at once, so all queries share what it says. Records have one format here, whatever a query says.
 */
export function openEurekaRegistry(name: string, options: EurekaOptions, clock: Clock): Registry {
  const stats = newRegistryStats();
  const watches = new Set<{ tell(applications: EurekaApplications): void; fail(error: OutriggerError): void }>();
  const client = new EurekaClient(options);
  let poller: Poller | null = null;
  let trouble: OutriggerError | null = null;
  let closed = false;
  let closing: Promise<unknown> = Promise.resolve();
  const explain = (cause: unknown): OutriggerError => eurekaError(cause, name, options.urls, 'reading /apps');

  const start = (): Poller =>
    new Poller(client, options.interval, clock, {
      told(applications) {
        trouble = null;
        for (const watch of [...watches]) watch.tell(applications);
      },
      failed(cause) {
        trouble = explain(cause);
        for (const watch of [...watches]) watch.fail(trouble);
      },
    });

  return {
    name,
    type: 'eureka',
    stats,
    watch(query: RegistryQuery, listener: RegistryListener): RegistryWatch {
      if (closed) return { close: () => Promise.resolve() };
      const own = counted(listener, stats, clock);
      const watch = {
        tell: (applications: EurekaApplications) => own.set(answerOf(applications, query, options)),
        fail: (error: OutriggerError) => own.error(error),
      };
      watches.add(watch);
      poller ??= start();
      const followed = poller;
      queueMicrotask(() => {
        if (!watches.has(watch)) return;
        if (followed.applications !== null) watch.tell(followed.applications);
        if (trouble !== null) watch.fail(trouble);
      });
      return {
        async close() {
          if (!watches.delete(watch) || watches.size > 0) return;
          const last = poller;
          poller = null;
          trouble = null;
          closing = Promise.all([closing, last?.close()]);
        },
      };
    },
    async check() {
      if (closed) return explain(new Error('the registry was closed'));
      const asking = new EurekaClient(options);
      try {
        readAnswer(await asking.get('/apps/delta', CHECK_TIMEOUT / options.urls.length));
        return null;
      } catch (cause) {
        // A server that offers no changes says so with 403 (`shouldDisableDelta`).
        return cause instanceof EurekaStatus && cause.status === 403 ? null : explain(cause);
      } finally {
        await asking.close();
      }
    },
    async names() {
      try {
        const known = poller?.applications ?? EurekaApplications.of(readAnswer(await client.get('/apps')));
        return known.names().map((app) => app.toLowerCase());
      } catch (cause) {
        throw explain(cause);
      }
    },
    async close() {
      closed = true;
      watches.clear();
      const polled = poller?.close();
      await client.close();
      await Promise.all([polled, closing]);
    },
  };
}

function answerOf(applications: EurekaApplications, query: RegistryQuery, options: EurekaOptions): RegistryAnswer {
  const app = query.path.split('/').findLast((part) => part !== '') ?? query.service;
  const records: SeenRecord[] = [];
  // Two records of one address are one instance: the one that was told last speaks for it.
  const instances = new Map<string, Instance>();
  for (const found of applications.find(app)) {
    const decoded = decodeInstance(found, options, query.protocol ?? 'h2');
    const known = decoded.kind === 'instances' ? decoded.instances : [];
    for (const instance of known) instances.set(instance.address, instance);
    const problem = decoded.kind === 'nobody' ? null : (decoded.problem ?? null);
    records.push({ key: `${app.toUpperCase()}/${found.id}`, format: 'eureka', instances: known, problem });
  }
  const bad = records.flatMap(({ key, problem }) => (problem === null ? [] : [{ key, problem }]));
  return { instances: [...instances.values()], bad, records: () => records };
}
