import type { AdminView } from '../admin_view.ts';
import { ServiceSample } from './service_sample.ts';
import type { ServiceDescription, ServiceTick, Tick } from './wire.ts';

/** One look at everything: what is to be described anew, and how things are. */
export interface Look {
  readonly described: readonly ServiceDescription[];
  readonly tick: Tick;
}

/** Reads the shared counters of all services again and again, and tells what has changed in between. */
export class Sampler {
  readonly #view: AdminView;
  readonly #services = new Map<string, ServiceSample>();
  #lookedAt = 0;

  constructor(view: AdminView) {
    this.#view = view;
    this.look();
  }

  /** What is new since the last look. */
  look(): Look {
    const now = this.#view.now();
    const elapsed = this.#lookedAt === 0 ? 0 : Math.max(0, now - this.#lookedAt);
    this.#lookedAt = now;
    const described: ServiceDescription[] = [];
    const services: ServiceTick[] = [];
    const gone = new Set(this.#services.keys());
    for (const view of this.#view.services()) {
      gone.delete(view.name);
      let service = this.#services.get(view.name);
      if (service === undefined || !service.follows(view)) {
        service = new ServiceSample(view, this.#view.counters);
        this.#services.set(view.name, service);
      }
      if (service.update(view)) described.push(service.description);
      services.push(service.sample(now, elapsed));
    }
    for (const name of gone) this.#services.delete(name);
    return { described, tick: { at: now, services } };
  }

  /** Everything as it was at the last look: for somebody who has seen nothing yet. */
  whole(): Look {
    const samples = [...this.#services.values()];
    return {
      described: samples.map(({ description }) => description),
      tick: { at: this.#lookedAt, services: samples.flatMap(({ whole }) => (whole === null ? [] : [whole])) },
    };
  }
}
