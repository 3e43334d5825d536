import type { ExecutionContext } from 'ava';
import { CounterArena } from '../../src/control/counters.ts';
import { DataPlane } from '../../src/dataplane/data_plane.ts';
import type { Route, ServiceSettings } from '../../src/model/service.ts';
import type { EndpointRecord, FromDataThread } from '../../src/model/snapshot.ts';
import { eventually } from './eventually.ts';
import { PlaneCounters } from './plane_counters.ts';

export interface PlaneOptions {
  readonly routes?: readonly Route[];
  /** Names that are met for the first time are asked for. */
  readonly discover?: boolean;
  readonly defaultService?: string;
}

/** An instance as a registry would tell it. */
export interface Registered {
  readonly address: string;
  readonly version?: string;
}

export interface ServiceOptions extends Partial<Omit<ServiceSettings, 'limits'>> {
  readonly limits?: Partial<ServiceSettings['limits']>;
  /** False: the registry has not answered yet. */
  readonly known?: boolean;
  readonly trouble?: string;
}

const SETTINGS: ServiceSettings = {
  balance: 'round_robin',
  version: { header: 'x-version', default: null, fallback: 'none' },
  limits: { requests: 20_000, pending: 20_000, connectionsPerInstance: 8 },
  timeout: null,
  registry: 'main',
  path: '/services/',
};

/**
 * A whole data plane in this process, listening on a port of its own; the test plays the control plane. The apps before it
 * (`plane_app.ts`) and the instances behind it (`plane_instance.ts`) speak HTTP/2 to it over loopback.
 */
export class Plane {
  readonly data: DataPlane;
  /** Where apps connect. */
  readonly address: string;
  /** What the data plane told the control plane. */
  readonly messages: readonly FromDataThread[];
  readonly #arena: CounterArena;
  readonly #services = new Map<string, PlaneCounters>();
  #skipped = 0;

  constructor(data: DataPlane, address: string, messages: readonly FromDataThread[], arena: CounterArena) {
    this.data = data;
    this.address = address;
    this.messages = messages;
    this.#arena = arena;
    const now = data.clock.now.bind(data.clock);
    data.clock.now = () => now() + this.#skipped;
  }

  /** The whole set of a service's instances, as after an answer of its registry. Gives the service's counters. */
  tell(name: string, instances: readonly Registered[], options: ServiceOptions = {}): PlaneCounters {
    const { known = true, trouble = null, limits, ...settings } = options;
    let counters = this.#services.get(name);
    if (counters === undefined) {
      counters = new PlaneCounters(this.#arena);
      this.#services.set(name, counters);
    }
    counters.keepOnly(instances.map(({ address }) => address));
    for (const { version } of instances) counters.ofVersion(version ?? '');
    const upsert: EndpointRecord[] = [];
    for (const { address, version = null } of instances) {
      const common = { id: address, weight: 1, zone: null, metadata: {} };
      upsert.push({ ...common, address, version, counters: counters.ofEndpoint(address) });
    }
    this.data.receive({
      kind: 'service',
      snapshot: {
        name,
        settings: { ...SETTINGS, ...settings, limits: { ...SETTINGS.limits, ...limits } },
        counters: counters.range,
        versions: counters.versions,
        full: true,
        upsert,
        remove: [],
        known,
        trouble,
        updatedAt: known ? Date.now() : 0,
      },
    });
    return counters;
  }

  /** `tell`, and waits until all instances are connected. */
  async serve(name: string, instances: readonly Registered[], options: ServiceOptions = {}): Promise<PlaneCounters> {
    const counters = this.tell(name, instances, options);
    await eventually(() => this.states(name).every((state) => state === 'ready'));
    return counters;
  }

  /** The states of a service's instances, in order of address. */
  states(name: string): string[] {
    return this.data.get(name)?.endpoints.map(({ state }) => state) ?? [];
  }

  /** The messages of one kind so far. */
  said<K extends FromDataThread['kind']>(kind: K): Extract<FromDataThread, { kind: K }>[] {
    return this.messages.filter((message): message is Extract<FromDataThread, { kind: K }> => message.kind === kind);
  }

  /** Lets the data plane's clock, on which deadlines and the ages of connections are, stand `ms` later. */
  skip(ms: number): void {
    this.#skipped += ms;
  }
}

/** A data plane that listens, with no services yet; it ends with the test. */
export async function startPlane(t: ExecutionContext<unknown>, options: PlaneOptions = {}): Promise<Plane> {
  const arena = new CounterArena(1);
  const messages: FromDataThread[] = [];
  const { routes = [], discover = false, defaultService = null } = options;
  const data = new DataPlane(
    {
      index: 0,
      listen: [],
      reusePort: false,
      segments: arena.segments(0),
      routing: { routes, discover, defaultService },
      discoverSettings: discover ? SETTINGS : null,
      services: [],
    },
    (message) => messages.push(message),
  );
  arena.onSegment((_thread, segment) => data.receive({ kind: 'segment', segment }));
  await data.listen(['127.0.0.1:0'], false);
  const [said] = messages;
  if (said?.kind !== 'listening') throw new Error(JSON.stringify(said));
  const plane = new Plane(data, said.addresses[0] as string, messages, arena);
  t.teardown(async () => {
    data.receive({ kind: 'drain', graceMs: 0 });
    await eventually(() => plane.said('drained').length > 0);
  });
  return plane;
}
