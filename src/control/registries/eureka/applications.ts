import { isObject, textOf } from '../records/record.ts';

/** One instance as the server tells it. */
export interface EurekaInstance {
  /** Unique in its application. */
  readonly id: string;
  /** `UP`, `DOWN`, `STARTING`, `OUT_OF_SERVICE` or `UNKNOWN`. */
  readonly status: string;
  /** All fields of the server's JSON. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** All instances of one application, by id. */
type EurekaApplication = Map<string, EurekaInstance>;

/** What `/apps` and `/apps/delta` answer, taken apart. */
export interface EurekaAnswer {
  /** In the order of the answer. */
  readonly changes: readonly {
    /** In upper case, as the server keeps it. */
    readonly app: string;
    readonly action: string;
    readonly instance: EurekaInstance;
  }[];
  /** How many instances of each status the server has: `DOWN_2_UP_10_`. */
  readonly hash: string | null;
}

/** Everything that is registered, by application. */
export class EurekaApplications {
  readonly #apps = new Map<string, EurekaApplication>();

  /** The whole of an answer of `/apps`. */
  static of(answer: EurekaAnswer): EurekaApplications {
    const applications = new EurekaApplications();
    for (const { app, instance } of answer.changes) applications.#put(app, instance);
    return applications;
  }

  /** Takes in the answer of `/apps/delta`: what changed in the last minutes, some of it known already. */
  apply(delta: EurekaAnswer): void {
    for (const { app, action, instance } of delta.changes) {
      if (action !== 'DELETED') this.#put(app, instance);
      else if (this.#apps.get(app)?.delete(instance.id) && this.#apps.get(app)?.size === 0) this.#apps.delete(app);
    }
  }

  /**
   * As the server counts (`Applications.getReconcileHashCode`): when its number is another one, a change was missed.
   * https://github.com/Netflix/eureka/blob/master/eureka-client/src/main/java/com/netflix/discovery/shared/Applications.java
   */
  hash(): string {
    const counts = new Map<string, number>();
    for (const app of this.#apps.values()) {
      for (const { status } of app.values()) counts.set(status, (counts.get(status) ?? 0) + 1);
    }
    return [...counts.keys()]
      .sort()
      .map((status) => `${status}_${counts.get(status)}_`)
      .join('');
  }

  /** The names of all applications. */
  names(): string[] {
    return [...this.#apps.keys()];
  }

  /** The application of this name, in any case; if there is none, all instances with this name among their virtual addresses. */
  find(name: string): EurekaInstance[] {
    const wanted = name.toUpperCase();
    const app = this.#apps.get(wanted);
    if (app !== undefined) return [...app.values()];
    const found: EurekaInstance[] = [];
    for (const instances of this.#apps.values()) {
      for (const instance of instances.values()) {
        const vips = [instance.fields.vipAddress, instance.fields.secureVipAddress].map(textOf).join().split(',');
        if (vips.some((vip) => vip.trim().toUpperCase() === wanted)) found.push(instance);
      }
    }
    return found;
  }

  #put(app: string, instance: EurekaInstance): void {
    const instances = this.#apps.get(app) ?? new Map();
    this.#apps.set(app, instances);
    instances.set(instance.id, instance);
  }
}

/** Takes an answer apart; throws when it is none of Eureka's. */
export function readAnswer(body: unknown): EurekaAnswer {
  const applications = isObject(body) ? body.applications : undefined;
  if (!isObject(applications)) throw new Error('the answer has no "applications": this is no Eureka server');
  const changes: EurekaAnswer['changes'][number][] = [];
  for (const application of oneOrMany(applications.application)) {
    for (const fields of oneOrMany(application.instance)) {
      const app = (textOf(fields.app) ?? textOf(application.name) ?? '').toUpperCase();
      const id = idOf(fields);
      if (app === '' || id === null) continue;
      const status = textOf(fields.status)?.toUpperCase() ?? 'UNKNOWN';
      changes.push({ app, action: textOf(fields.actionType) ?? 'ADDED', instance: { id, status, fields } });
    }
  }
  const hash = applications.apps__hashcode;
  // Empty when nobody is registered.
  return { changes, hash: typeof hash === 'string' ? hash : null };
}

/** Servers of old, and proxies that turn XML into JSON, write a list of one as the thing itself. */
function oneOrMany(value: unknown): Readonly<Record<string, unknown>>[] {
  return (Array.isArray(value) ? value : [value]).filter(isObject);
}

/** As `InstanceInfo.getId`: in Amazon's cloud, and before 1.4, instances have no `instanceId`. */
function idOf(fields: Readonly<Record<string, unknown>>): string | null {
  const dataCenter = isObject(fields.dataCenterInfo) ? fields.dataCenterInfo.metadata : undefined;
  return (
    textOf(fields.instanceId) ??
    (isObject(dataCenter) ? textOf(dataCenter['instance-id']) : null) ??
    textOf(fields.hostName)
  );
}
