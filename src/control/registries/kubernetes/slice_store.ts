import { headOf, readSlice, type Slice } from './slice.ts';

interface Entry {
  readonly resourceVersion: string | null;
  readonly slice: Slice | null;
}

/** The slices of one namespace. Each is read once, when it comes. Changes give the names of the services that they concern. */
export class SliceStore {
  readonly #versionLabel: string;
  #entries = new Map<string, Entry>();
  #byService = new Map<string, Map<string, Slice>>();

  constructor(versionLabel: string) {
    this.#versionLabel = versionLabel;
  }

  slicesOf(service: string): Iterable<Slice> {
    return this.#byService.get(service)?.values() ?? [];
  }

  /** Puts a complete list in the place of everything known; what is as it was is not read again. */
  replace(objects: readonly unknown[]): Set<string> {
    const before = this.#entries;
    this.#entries = new Map();
    const services = new Set<string>();
    for (const object of objects) {
      const head = headOf(object);
      if (head === null) continue;
      const known = before.get(head.key);
      before.delete(head.key);
      if (known !== undefined && known.resourceVersion !== null && known.resourceVersion === head.resourceVersion)
        this.#entries.set(head.key, known);
      else this.#put(head.key, head.resourceVersion, object, known, services);
    }
    for (const [key, { slice }] of before) this.#forget(key, slice, services);
    return services;
  }

  /** One slice was added or changed. */
  put(object: unknown): Set<string> {
    const services = new Set<string>();
    const head = headOf(object);
    if (head !== null) this.#put(head.key, head.resourceVersion, object, this.#entries.get(head.key), services);
    return services;
  }

  remove(object: unknown): Set<string> {
    const services = new Set<string>();
    const head = headOf(object);
    const known = head === null ? undefined : this.#entries.get(head.key);
    if (head === null || known === undefined) return services;
    this.#entries.delete(head.key);
    this.#forget(head.key, known.slice, services);
    return services;
  }

  #put(
    key: string,
    resourceVersion: string | null,
    object: unknown,
    known: Entry | undefined,
    services: Set<string>,
  ): void {
    if (known !== undefined) this.#forget(key, known.slice, services);
    const slice = readSlice(object, this.#versionLabel);
    this.#entries.set(key, { resourceVersion, slice });
    if (slice === null) return;
    const slices = this.#byService.get(slice.service) ?? new Map<string, Slice>();
    slices.set(key, slice);
    this.#byService.set(slice.service, slices);
    services.add(slice.service);
  }

  #forget(key: string, slice: Slice | null, services: Set<string>): void {
    if (slice === null) return;
    const slices = this.#byService.get(slice.service);
    slices?.delete(key);
    if (slices?.size === 0) this.#byService.delete(slice.service);
    services.add(slice.service);
  }
}
