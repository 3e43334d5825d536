import type { Clock } from '../../base/clock.ts';
import { OutriggerError } from '../../base/errors.ts';
import type { EtcdOptions } from '../../config/registry_options.ts';
import { connectEtcd, type EtcdClient } from '../registries/etcd/client.ts';
import { etcdError } from '../registries/etcd/errors.ts';
import { ETCD_TIMING } from '../registries/etcd/timing.ts';
import { followWatch } from '../registries/etcd/watch_stream.ts';
import type { Held, RegistrationWriter, WriterDeps } from './writer.ts';

export interface EtcdWriterOptions {
  /** The name of the registry in the config. */
  readonly registry: string;
  readonly etcd: EtcdOptions;
  /** The record, as its format writes it. */
  readonly key: string;
  readonly value: string;
  readonly ttlMs: number;
}

/**
 * Keeps one key in etcd, on a lease of its own. Each `put` grants a new lease and moves the key to it; the key is never deleted by
 * name, only with its lease, so that a record that somebody else has put in its place meanwhile is left alone.
 */
export function openEtcdWriter(options: EtcdWriterOptions, deps: WriterDeps, clock: Clock): RegistrationWriter {
  const { registry, etcd, key, value, ttlMs } = options;
  const timing = { ...ETCD_TIMING, request: deps.timeout };
  let connecting: Promise<EtcdClient> | null = null;
  let closed = false;
  /** Leases that may be alive: the last is the one the key should hang on. */
  let leases: string[] = [];
  let stopWatching: (() => void) | null = null;
  let rejectWaiting: (error: Error) => void = () => {};

  const connected = (): Promise<EtcdClient> => {
    connecting ??= connectEtcd(etcd, timing).catch((error: unknown) => {
      connecting = null;
      throw error;
    });
    return connecting;
  };

  /** Runs the requests of one method, within its deadline, and gives what fails its code and place. */
  async function bounded<T>(doing: string, requests: (client: EtcdClient) => Promise<T>): Promise<T> {
    let cancel = (): void => {};
    try {
      if (closed) throw new Error('the registration was closed');
      const late = new Promise<never>((_, reject) => {
        rejectWaiting = reject;
        cancel = clock.after(deps.timeout, () => reject(new Error(`no answer within ${deps.timeout} ms`)));
      });
      const answer = connected().then(requests);
      // It may fail after nobody waits for it any more.
      answer.catch(() => {});
      return await Promise.race([answer, late]);
    } catch (cause) {
      const error = etcdError(cause, registry, etcd.endpoints, `${doing} ${key}`);
      throw error.code === 'etcd_permission' ? writePermission(error) : error;
    } finally {
      cancel();
    }
  }

  /** Ends the leases that the key should not hang on any more; what cannot be ended now runs out. */
  async function revokeAll(client: EtcdClient, ids: readonly string[]): Promise<void> {
    for (const lease of ids) {
      await client.leases.revoke(lease);
      leases = leases.filter((other) => other !== lease);
    }
  }

  /** Hears at once of a deletion. One that breaks is opened again by the next `refresh`, which looks for itself. */
  async function watch(client: EtcdClient, from: bigint): Promise<void> {
    if (stopWatching !== null || closed) return;
    stopWatching = () => {};
    try {
      const call = await client.watch();
      const stop = followWatch(
        call,
        { prefix: key, from, timeout: timing.request },
        {
          opened() {},
          changed(changes) {
            const own = changes.filter((change) => change.key === key).at(-1);
            if (own?.value === null) deps.lost('the record was deleted');
          },
          ended: () => {
            stopWatching = null;
          },
        },
        clock,
      );
      stopWatching = stop;
      if (closed) stop();
    } catch {
      stopWatching = null;
    }
  }

  const unwatch = (): void => {
    stopWatching?.();
    stopWatching = null;
  };

  return {
    type: 'etcd',
    place: key,
    put: () =>
      bounded('registering at', async (client) => {
        // A deletion that was seen already, or that the end of the old lease brings, is not news.
        unwatch();
        const lease = await client.leases.grant(Math.ceil(ttlMs / 1_000));
        const before = leases;
        leases = [...before, lease];
        const revision = await client.leases.put(key, value, lease);
        await revokeAll(client, before).catch(() => {
          leases = [lease];
        });
        void watch(client, revision + 1n);
      }),
    refresh: () =>
      bounded('keeping', async (client): Promise<Held> => {
        const lease = leases.at(-1);
        if (lease === undefined || !(await client.leases.keepAlive(lease))) return 'gone';
        const seen = await client.leases.look(key);
        if (seen.lease !== lease) return 'gone';
        void watch(client, seen.revision + 1n);
        return 'held';
      }),
    async setPassing(passing) {
      if (passing) return 'gone';
      await this.remove();
      return 'gone';
    },
    remove: () =>
      bounded('taking out', async (client) => {
        unwatch();
        await revokeAll(client, [...leases]);
      }),
    async close() {
      closed = true;
      unwatch();
      rejectWaiting(new Error('the registration was closed'));
      const client = await connecting?.catch(() => null);
      client?.close();
    },
  };
}

function writePermission(error: OutriggerError): OutriggerError {
  return new OutriggerError(error.code, error.message, {
    hint: 'Give the role of this user the right to write there: etcdctl role grant-permission <role> --prefix=true readwrite <path>.',
    cause: error.cause,
  });
}
