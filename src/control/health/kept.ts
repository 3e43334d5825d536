import type { Clock } from '../../base/clock.ts';
import type { Instance } from '../../model/instance.ts';
import type { ClusterChange } from '../cluster/cluster.ts';

interface Kept {
  readonly instance: Instance;
  readonly cancel: () => void;
}

/**
 * What registry and health check say together:
 *
 *     |                     | passes                     | fails     |
 *     | ------------------- | -------------------------- | --------- |
 *     | in the registry     | in use                     | unhealthy |
 *     | left the registry   | in use, for `ms` at most   | gone      |
 *
 * The lower left is for registries that lose instances which are there (a lease that was not kept, a restart). It is off with
 * `ms` 0, since an instance that leaves on purpose also passes until it has stopped.
 */
export class KeptInstances {
  readonly #ms: number;
  readonly #clock: Clock;
  readonly #changed: (change: ClusterChange) => void;
  readonly #kept = new Map<string, Kept>();
  #last: ClusterChange | null = null;

  /** `changed` is told when an instance that was kept goes. */
  constructor(ms: number, clock: Clock, changed: (change: ClusterChange) => void) {
    this.#ms = ms;
    this.#clock = clock;
    this.#changed = changed;
  }

  /** Those that are in use beyond what the registry says. */
  get instances(): readonly Instance[] {
    return Array.from(this.#kept.values(), ({ instance }) => instance);
  }

  /** The change as it is for those who use the instances: what is kept has not left, and has not come when it comes back. */
  apply(change: ClusterChange, passes: (instance: Instance) => boolean): ClusterChange {
    if (this.#ms === 0) return change;
    const { added, changed, removed } = change.diff;
    const back = added.filter(({ address }) => this.#forget(address));
    const stay = removed.filter(passes);
    for (const instance of stay) this.#keep(instance);
    const diff = {
      added: added.filter((instance) => !back.includes(instance)),
      changed: [...changed, ...back],
      removed: removed.filter((instance) => !stay.includes(instance)),
    };
    this.#last = change;
    return { ...change, instances: this.#with(change.instances), diff };
  }

  /** The check of an instance fails. True when it was kept: it is gone then, and that has been told. */
  failed(address: string): boolean {
    const kept = this.#kept.get(address);
    if (kept === undefined) return false;
    this.#leave(kept.instance);
    return true;
  }

  close(): void {
    for (const { cancel } of this.#kept.values()) cancel();
    this.#kept.clear();
  }

  #keep(instance: Instance): void {
    const cancel = this.#clock.after(this.#ms, () => this.#leave(instance));
    this.#kept.set(instance.address, { instance, cancel });
  }

  #leave(instance: Instance): void {
    this.#forget(instance.address);
    const last = this.#last;
    if (last === null) return;
    const instances = this.#with(last.instances);
    this.#changed({ ...last, instances, diff: { added: [], changed: [], removed: [instance] } });
  }

  #forget(address: string): boolean {
    this.#kept.get(address)?.cancel();
    return this.#kept.delete(address);
  }

  #with(instances: readonly Instance[]): readonly Instance[] {
    return [...instances, ...Array.from(this.#kept.values(), ({ instance }) => instance)];
  }
}
