import type { OutriggerError } from '../../../base/errors.ts';
import type { KubernetesTarget } from '../../../config/kubernetes_path.ts';
import type { Instance } from '../../../model/instance.ts';
import type { BadRecord, RegistryAnswer, RegistryListener } from '../registry.ts';
import { answerOf } from './endpoints.ts';
import type { Feed } from './feed.ts';

/** One of the services that a path names, and the feed of its namespace. */
export interface ViewPart {
  readonly target: KubernetesTarget;
  readonly feed: Feed;
}

/** What one path stands for, put together from the namespaces that it names. */
export class View {
  readonly #listener: RegistryListener;
  #parts: readonly ViewPart[] = [];
  #answer: RegistryAnswer | null = null;

  constructor(listener: RegistryListener) {
    this.#listener = listener;
  }

  get parts(): readonly ViewPart[] {
    return this.#parts;
  }

  /** Called once, when it is known where to look. */
  start(parts: readonly ViewPart[]): void {
    this.#parts = parts;
    this.#tell();
  }

  /** Tells the set anew if `feed` brought something for it. */
  changed(feed: Feed, services: ReadonlySet<string> | null): void {
    const concerned = this.#parts.some(
      (part) => part.feed === feed && (services === null || services.has(part.target.service)),
    );
    if (concerned) this.#tell();
  }

  /** One of its feeds says that what it knows may be out of date. */
  failed(error: OutriggerError): void {
    this.#listener.error(error);
  }

  /** Tells somebody who joins later what the others know already. */
  replay(listener: RegistryListener): void {
    if (this.#answer !== null) listener.set(this.#answer);
    const trouble = this.#parts.find(({ feed }) => feed.trouble !== null)?.feed.trouble ?? null;
    if (trouble !== null) listener.error(trouble);
  }

  /** A set says that the registry answers: while one of the namespaces is not known, nothing is told. */
  #tell(): void {
    if (this.#parts.some(({ feed }) => !feed.listed || feed.trouble !== null) || this.#parts.length === 0) return;
    const byAddress = new Map<string, Instance>();
    const bad: BadRecord[] = [];
    for (const { feed, target } of this.#parts) {
      const answer = answerOf(feed.slicesOf(target.service), target);
      bad.push(...answer.bad);
      for (const instance of answer.instances) byAddress.set(instance.address, instance);
    }
    this.#answer = { instances: [...byAddress.values()], bad };
    this.#listener.set(this.#answer);
  }
}
