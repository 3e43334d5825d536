import type { Clock } from '../../../base/clock.ts';
import { OutriggerError } from '../../../base/errors.ts';
import type { RegistryMode } from '../../../config/config.ts';
import type { Instance } from '../../../model/instance.ts';
import { doubtText, EmptyProtection } from '../../cluster/empty_protection.ts';
import type { Registry, RegistryAnswer, RegistryListener, RegistryQuery, RegistryWatch } from '../registry.ts';
import { newRegistryStats } from '../stats.ts';
import { combine, type MemberView } from './combine.ts';

/**
 * How long the first set waits for the slowest registry, in milliseconds: all requests on the few instances that the quickest one knows
 * may be more than those can take.
 */
const PATIENCE = 1_000;

/** One of several registries, and what to look up in it. */
export interface Member {
  readonly registry: Registry;
  /** May hold `{service}`. */
  readonly path: string;
  /** See `ClusterOptions`; here since the emptiness of one registry says nothing about the others. */
  readonly emptyProtection: number;
}

/**
 * Several registries as one: a service whose instances move from one to the other is followed in both. Each keeps its own last set
 * through its own troubles, and its instances stay in use for as long as it cannot be asked; the set is marked stale meanwhile.
 * Nothing is counted here, since the members count; and they outlive this, since others use them.
 */
export function openSeveral(members: readonly Member[], mode: RegistryMode, clock: Clock): Registry {
  const name = members.map(({ registry }) => registry.name).join(', ');
  let closed = false;
  const watches = new Set<RegistryWatch>();
  return {
    name,
    type: 'several',
    stats: newRegistryStats(),
    watch(query, listener) {
      if (closed) return { close: () => Promise.resolve() };
      const watch = watchAll(members, mode, query, listener, clock);
      watches.add(watch);
      return {
        close() {
          watches.delete(watch);
          return watch.close();
        },
      };
    },
    /** One that answers is enough to go on with. */
    async check() {
      const errors = await Promise.all(
        members.map(({ registry, path }) => registry.check(path.split('{service}', 1)[0] as string)),
      );
      return errors.includes(null) ? null : (errors[0] ?? null);
    },
    async close() {
      closed = true;
      await Promise.all(Array.from(watches, (watch) => watch.close()));
      watches.clear();
    },
  };
}

function watchAll(
  members: readonly Member[],
  mode: RegistryMode,
  query: RegistryQuery,
  listener: RegistryListener,
  clock: Clock,
): RegistryWatch {
  let closed = false;
  const views: MemberView[] = members.map(({ registry }) => ({ name: registry.name, answer: null, error: null }));

  let last: readonly Instance[] | null = null;
  let patient = true;
  const cancelPatience = clock.after(PATIENCE, () => {
    patient = false;
    tell(true);
  });

  const tell = (answered: boolean): void => {
    if (closed) return;
    const silent = views.some(({ answer, error }) => answer === null && error === null);
    if (patient && silent) return;
    if (!silent) cancelPatience();
    const now = combine(views, mode);
    if (now === null) return;
    if (!('instances' in now)) return listener.error(now);
    // A registry that fails says nothing new of the instances: that they may be out of date is all there is to tell.
    const same =
      last !== null && last.length === now.instances.length && last.every((one, at) => one === now.instances[at]);
    last = now.instances;
    if (answered || !same) listener.set(now);
    else if (now.trouble !== undefined) listener.error(now.trouble);
  };
  const follow = ({ registry, path, emptyProtection }: Member, at: number): { close(): Promise<void> } => {
    const learn = (answer: RegistryAnswer | null, error: OutriggerError | null): void => {
      const before = views[at] as MemberView;
      views[at] = { ...before, answer: answer ?? before.answer, error };
    };
    let newest: RegistryAnswer | null = null;
    const protection = new EmptyProtection(emptyProtection, clock, () => {
      learn(newest, newest?.trouble ?? null);
      tell(true);
    });
    const watch = registry.watch(
      { ...query, path: path.replaceAll('{service}', () => query.service) },
      {
        set(answer) {
          newest = answer;
          const held = views[at]?.answer?.instances.length ?? 0;
          if (!protection.offer(answer.instances, held)) return;
          // It answers again, though not with something to believe at once.
          learn(null, answer.trouble ?? doubt(registry.name));
          tell(true);
        },
        error(error) {
          protection.forget();
          learn(null, error);
          tell(false);
        },
      },
    );
    return {
      close() {
        protection.forget();
        return watch.close();
      },
    };
  };
  const open = members.map(follow);
  return {
    async close() {
      closed = true;
      cancelPatience();
      await Promise.all(open.map((watch) => watch.close()));
    },
  };
}

/** So that whoever looks at the set sees that it is not what the registries say. */
function doubt(registry: string): OutriggerError {
  return new OutriggerError('registry_empty', doubtText(registry), {
    hint: 'The last known instances stay in use meanwhile. Look whether that registry has lost its data.',
  });
}
