import type { Clock } from '../../base/clock.ts';
import { OutriggerError } from '../../base/errors.ts';
import { EmptyProtection } from '../cluster/empty_protection.ts';
import type {
  Registry,
  RegistryAnswer,
  RegistryListener,
  RegistryQuery,
  RegistryWatch,
} from '../registries/registry.ts';
import type { LastGoodStore } from './store.ts';

/** How long the registry's own answer is waited for before the last good set is used, in milliseconds. */
const PATIENCE = 1_000;

/**
 * A registry that remembers: every answer is kept on disk, and a watch whose registry does not answer when it begins is told the set
 * that was kept, with its age and the reason why it is not confirmed. The registry's own first answer takes its place.
 * @param emptyProtection as in `ClusterOptions`: a set that is suddenly empty must not be what the next start begins with
 */
export function withLastGood(
  registry: Registry,
  store: LastGoodStore,
  clock: Clock,
  emptyProtection: number,
): Registry {
  return {
    name: registry.name,
    type: registry.type,
    stats: registry.stats,
    watch: (query, listener) => watchWithMemory(registry, query, listener, store, clock, emptyProtection),
    check: (path) => registry.check(path),
    close: () => registry.close(),
  };
}

function watchWithMemory(
  registry: Registry,
  query: RegistryQuery,
  listener: RegistryListener,
  store: LastGoodStore,
  clock: Clock,
  emptyProtection: number,
): RegistryWatch {
  const { path, format, protocol = 'h2' } = query;
  // What is asked for decides what the answer is.
  const key = { registry: registry.name, path, format: protocol === 'h2' ? format : `${format} ${protocol}` };
  let closed = false;
  /** `silent`: nothing was told yet. `remembering`: the file is being read. `over`: the registry has answered, or memory has. */
  let phase: 'silent' | 'remembering' | 'over' = 'silent';
  /** The last word: whether the registry confirms the set now. */
  let error: OutriggerError | null = null;
  let kept = 0;
  const protection = new EmptyProtection(emptyProtection, clock, (instances) => {
    kept = instances.length;
    store.save(key, { instances, confirmedAt: clock.now() });
  });

  const remember = async (): Promise<void> => {
    if (phase !== 'silent') return;
    phase = 'remembering';
    cancelPatience();
    const set = await store.load(key);
    if (closed || phase !== 'remembering') return;
    phase = 'over';
    const trouble = error ?? silence(registry.name, path);
    if (set === null) {
      if (error !== null) listener.error(error);
      return;
    }
    kept = set.instances.length;
    listener.set({ instances: set.instances, bad: [], confirmedAt: set.confirmedAt, trouble });
  };
  const cancelPatience = clock.after(PATIENCE, () => void remember());

  const watch = registry.watch(query, {
    set(answer: RegistryAnswer) {
      phase = 'over';
      cancelPatience();
      error = answer.trouble ?? null;
      protection.offer(answer.instances, kept);
      listener.set(answer);
    },
    error(cause) {
      error = cause;
      protection.forget();
      if (phase === 'over') listener.error(cause);
      else void remember();
    },
  });
  return {
    close() {
      closed = true;
      cancelPatience();
      protection.forget();
      if (phase === 'over' && error === null) store.confirm(key);
      return watch.close();
    },
  };
}

function silence(registry: string, path: string): OutriggerError {
  return new OutriggerError('no_answer_yet', `registry "${registry}": no answer yet for ${path}`, {
    hint: 'The instances that were known when this process last ran are used meanwhile.',
  });
}
