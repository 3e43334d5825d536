import type { Clock } from '../base/clock.ts';
import type { EndpointRecord, EndpointTurn, EndpointTurnEvent, HealthReport } from '../model/snapshot.ts';
import type { ClusterChange } from './cluster/cluster.ts';
import type { TroubleListener } from './cluster/trouble_log.ts';
import type { ReloadReport } from './reloader.ts';

/**
 * What can happen: an instance joined, changed its record or left (registry); was ejected, lost its connection, cannot be reached, or is
 * back (data threads); fails or passes its check; a registry has trouble or answers again; a config was taken over or rejected.
 */
export type JournalKind =
  | 'joined'
  | 'changed'
  | 'left'
  | EndpointTurn
  | 'unhealthy'
  | 'healthy'
  | 'registry_trouble'
  | 'registry_back'
  | 'reloaded'
  | 'reload_rejected';

export interface JournalEntry {
  /** Rises by one; an entry that grows keeps its number. */
  readonly id: number;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly kind: JournalKind;
  readonly service: string | null;
  readonly registry: string | null;
  /** Addresses of the instances it is about: the first `MOST_NAMED`. */
  readonly instances: readonly string[];
  /** How many instances it is about. */
  readonly count: number;
  /** Why, or what about it; at most `LONGEST_DETAIL` characters. */
  readonly detail: string | null;
  /** How often it happened to the same instances, each time within `REPEATED_WITHIN`. */
  readonly times: number;
}

/** What is told to a journal; what is left out does not apply. */
export type JournalEvent = Pick<JournalEntry, 'kind'> &
  Partial<Pick<JournalEntry, 'service' | 'registry' | 'instances' | 'detail'>>;

/** What those who show a journal see of it. */
export interface JournalReader {
  /** The oldest first. */
  entries(): readonly JournalEntry[];
  /** Calls `listener` for each new entry, and for each that grows. Returns what ends that. */
  onEntry(listener: (entry: JournalEntry) => void): () => void;
}

/** Entries kept: what a person scrolls through, some 50 KB. */
export const MOST_ENTRIES = 200;
export const MOST_NAMED = 5;
export const LONGEST_DETAIL = 300;
/** Several data threads tell the same, a rack fails instance by instance, one flaps: none of that may push out everything else. In milliseconds. */
export const REPEATED_WITHIN = 5_000;
const MOST_OUT = 10_000;
/** What a registry tells is a set already: each change of it stands for itself. */
const SETS: readonly JournalKind[] = ['joined', 'changed', 'left'];

/** What happened lately, in memory: for people who look. The log has all of it. */
export class Journal implements JournalReader {
  readonly #clock: Clock;
  readonly #entries: JournalEntry[] = [];
  readonly #listeners = new Set<(entry: JournalEntry) => void>();
  /** Instances that are out, by service and address: only they can be back. */
  readonly #out = new Set<string>();
  /** All instances of the entries that still grow, by number. */
  readonly #growing = new Map<number, { readonly members: Set<string>; readonly until: number }>();
  #lastId = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  entries(): readonly JournalEntry[] {
    return this.#entries;
  }

  onEntry(listener: (entry: JournalEntry) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** What happens to instance after instance of a service, or again to the same, within moments is one entry that grows. */
  add(event: JournalEvent): void {
    const at = this.#clock.now();
    const { kind, service = null, registry = null, instances = [], detail = null } = event;
    for (const [id, { until }] of this.#growing) if (until <= at) this.#growing.delete(id);
    const before = SETS.includes(kind)
      ? -1
      : this.#entries.findIndex(
          (entry) =>
            entry.kind === kind &&
            entry.service === service &&
            entry.registry === registry &&
            this.#growing.has(entry.id),
        );
    const [grown] = before === -1 ? [] : this.#entries.splice(before, 1);
    const id = grown?.id ?? ++this.#lastId;
    const members = this.#growing.get(id)?.members ?? new Set<string>();
    const repeated = grown !== undefined && instances.every((address) => members.has(address));
    for (const address of instances) members.add(address);
    this.#growing.set(id, { members, until: at + REPEATED_WITHIN });
    const entry: JournalEntry = {
      id,
      at,
      kind,
      service,
      registry,
      instances: [...members].slice(0, MOST_NAMED),
      count: members.size,
      detail: detail === null || detail.length <= LONGEST_DETAIL ? detail : `${detail.slice(0, LONGEST_DETAIL - 1)}…`,
      times: (grown?.times ?? 1) + (repeated ? 1 : 0),
    };
    this.#entries.push(entry);
    if (this.#entries.length > MOST_ENTRIES) this.#growing.delete(this.#entries.shift()?.id ?? 0);
    for (const listener of this.#listeners) listener(entry);
  }

  /** A membership changed: up to one entry each for who joined, changed and left. */
  membership({ name: service, diff }: ClusterChange): void {
    for (const [kind, list] of [
      ['left', diff.removed],
      ['changed', diff.changed],
      ['joined', diff.added],
    ] as const) {
      if (list.length > 0) this.add({ kind, service, instances: list.map(({ address }) => address) });
    }
    for (const { address } of diff.removed) this.#out.delete(`${service} ${address}`);
  }

  /** A data thread tells of an instance. */
  turned({ turn: kind, service, address, detail }: EndpointTurnEvent): void {
    const key = `${service} ${address}`;
    if (kind !== 'back') {
      this.#out.add(key);
      // Of services that nobody follows any more, nobody says that their instances left.
      if (this.#out.size > MOST_OUT) this.#out.delete(this.#out.values().next().value as string);
    } else if (!this.#out.delete(key)) return;
    this.add({ kind, service, instances: [address], detail: detail || null });
  }

  /** A registry does not answer as it should, or does again. */
  registry({ registry, error, over }: Parameters<TroubleListener>[0]): void {
    this.add({ kind: over ? 'registry_back' : 'registry_trouble', registry, detail: over ? null : error.message });
  }

  /** A config was read again. */
  reloaded({ result, changed, restart, problems }: ReloadReport): void {
    if (result === 'unchanged' && restart.length === 0) return;
    const waits = restart.length === 0 ? [] : [`needs a restart: ${restart.join(', ')}`];
    const detail = [changed.join(', '), ...waits, ...problems].filter((text) => text !== '').join('; ');
    this.add({ kind: result === 'rejected' ? 'reload_rejected' : 'reloaded', detail });
  }

  /** Active checks tell of instances; `before` holds them as they were. */
  health(
    service: string,
    reports: ReadonlyMap<string, HealthReport>,
    before: ReadonlyMap<string, EndpointRecord> | undefined,
  ): void {
    for (const [address, { healthy, unhealthyReason = null }] of reports) {
      const known = before?.get(address);
      if (known === undefined || (known.healthy ?? true) === healthy) continue;
      this.add({ kind: healthy ? 'healthy' : 'unhealthy', service, instances: [address], detail: unhealthyReason });
    }
  }
}
