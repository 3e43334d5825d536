import type { Instance } from '../../../model/instance.ts';
import { readRecord } from '../records/formats.ts';
import type { RecordFormat, RecordProtocol } from '../records/record.ts';
import type { BadRecord, RegistryAnswer, SeenRecord } from '../registry.ts';
import { belongsTo } from './keys.ts';

/** A key with its value and the revision that wrote it. */
export interface KeyValue {
  readonly key: string;
  readonly value: string;
  readonly revision: bigint;
}

/** One change under a prefix; a deletion has no value. */
export interface KeyChange {
  readonly key: string;
  readonly value: string | null;
  readonly revision: bigint;
}

interface Entry {
  readonly revision: bigint;
  readonly instances: readonly Instance[];
  readonly problem: string | null;
  readonly format: string | null;
}

/** The decoded records under one prefix, read with one format. Each value is decoded when it comes. */
export class RecordSet {
  readonly #path: string;
  readonly #format: RecordFormat;
  readonly #protocol: RecordProtocol;
  #entries = new Map<string, Entry>();

  constructor(path: string, format: RecordFormat, protocol: RecordProtocol = 'h2') {
    this.#path = path;
    this.#format = format;
    this.#protocol = protocol;
  }

  /** Puts a complete listing in the place of everything known. */
  replace(records: readonly KeyValue[]): void {
    const before = this.#entries;
    this.#entries = new Map();
    for (const { key, value, revision } of records) {
      if (!belongsTo(key, this.#path)) continue;
      const known = before.get(key);
      // Also at the revision that is known: an etcd that lost its data counts from one again.
      this.#entries.set(key, this.#decode(key, value, revision, known));
    }
  }

  /** Applies changes in order; what is older than the record known is skipped. False when nothing changed. */
  apply(changes: readonly KeyChange[]): boolean {
    let changed = false;
    for (const { key, value, revision } of changes) {
      if (!belongsTo(key, this.#path)) continue;
      const known = this.#entries.get(key);
      if (known !== undefined && known.revision >= revision) continue;
      if (value !== null) this.#entries.set(key, this.#decode(key, value, revision, known));
      else if (!this.#entries.delete(key)) continue;
      changed = true;
    }
    return changed;
  }

  /** The set as it is now: when several records name one address, the one that was written last speaks for it. */
  answer(): RegistryAnswer {
    const newest = new Map<string, { readonly revision: bigint; readonly instance: Instance }>();
    const bad: BadRecord[] = [];
    for (const [key, { revision, instances, problem }] of this.#entries) {
      if (problem !== null) bad.push({ key, problem });
      for (const instance of instances) {
        const rival = newest.get(instance.address);
        if (rival === undefined || rival.revision <= revision) newest.set(instance.address, { revision, instance });
      }
    }
    return { instances: Array.from(newest.values(), ({ instance }) => instance), bad, records: () => this.#records() };
  }

  #records(): readonly SeenRecord[] {
    return Array.from(this.#entries, ([key, { format, instances, problem }]) => {
      return { key, format, instances: problem === null ? instances : [], problem };
    });
  }

  /** A value that cannot be read leaves the instances that its key named before: only a readable record or a deletion ends them. */
  #decode(key: string, value: string, revision: bigint, known: Entry | undefined): Entry {
    const { decoded, format } = readRecord(this.#format, key, value, this.#path, this.#protocol);
    switch (decoded.kind) {
      case 'instances':
        return { revision, instances: decoded.instances, problem: decoded.problem ?? null, format };
      case 'nobody':
        return { revision, instances: [], problem: null, format };
      case 'problem':
        return { revision, instances: known?.instances ?? [], problem: decoded.problem, format };
    }
  }
}
