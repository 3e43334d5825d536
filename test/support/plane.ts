import type { ExecutionContext } from 'ava';
import { TLS_FAILURES, type TlsFailureReason } from '../../src/base/tls_failure.ts';
import { CounterArena } from '../../src/control/counters.ts';
import { DataPlane } from '../../src/dataplane/data_plane.ts';
import { PROTOCOL_ERROR_TOKENS, type ProtocolErrorToken } from '../../src/http2/protocol_errors.ts';
import type { ClientLimits } from '../../src/model/client_limits.ts';
import { THREAD, THREAD_RANGE } from '../../src/model/counters.ts';
import type { Route, ServiceSettings } from '../../src/model/service.ts';
import type { EndpointRecord, FromDataThread } from '../../src/model/snapshot.ts';
import type { SecureListen, TlsStart } from '../../src/model/tls.ts';
import { eventually } from './eventually.ts';
import { PlaneCounters } from './plane_counters.ts';
import { SETTINGS } from './service_settings.ts';

export interface PlaneOptions {
  /** What clients may do. */
  readonly clients?: ClientLimits;
  readonly routes?: readonly Route[];
  /** Names that are met for the first time are asked for. */
  readonly discover?: boolean;
  readonly defaultService?: string;
  /** Listeners that speak TLS, and what they need for it. */
  readonly secure?: readonly SecureListen[];
  readonly tls?: TlsStart;
  /** Where the sidecar runs. */
  readonly zone?: string;
}

/** An instance as a registry would tell it. */
export interface Registered extends Partial<Omit<EndpointRecord, 'counters'>> {
  readonly address: string;
}

export interface ServiceOptions extends Partial<Omit<ServiceSettings, 'limits'>> {
  readonly limits?: Partial<ServiceSettings['limits']>;
  /** False: the registry has not answered yet. */
  readonly known?: boolean;
  readonly trouble?: string;
}

/**
 * A whole data plane in this process, listening on a port of its own; the test plays the control plane. The apps before it
 * (`plane_app.ts`) and the instances behind it (`plane_instance.ts`) speak HTTP/2 to it over loopback.
 */
export class Plane {
  readonly data: DataPlane;
  /** Where apps connect. */
  readonly address: string;
  /** Where its listeners that speak TLS are. */
  readonly secure: readonly string[];
  /** What the data plane told the control plane. */
  readonly messages: readonly FromDataThread[];
  readonly #arena: CounterArena;
  readonly #services = new Map<string, PlaneCounters>();
  #skipped = 0;

  constructor(
    data: DataPlane,
    address: string,
    messages: readonly FromDataThread[],
    arena: CounterArena,
    secure: readonly string[] = [],
  ) {
    this.secure = secure;
    this.data = data;
    this.address = address;
    this.messages = messages;
    this.#arena = arena;
    const exact = data.clock.exact.bind(data.clock);
    data.clock.exact = () => exact() + this.#skipped;
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
    for (const { address, version = null, weight = 1, zone = null, metadata = {}, methods, healthy } of instances) {
      upsert.push({
        id: address,
        address,
        version,
        weight,
        zone,
        metadata,
        ...(methods === undefined ? {} : { methods }),
        ...(healthy === undefined ? {} : { healthy }),
        counters: counters.ofEndpoint(address),
      });
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

  /** How often TLS failed for this reason on one side. */
  tlsFailures(side: 'downstream' | 'upstream', reason: TlsFailureReason): number {
    const first = THREAD.TLS_FAILURES + (side === 'upstream' ? THREAD.TLS_FAILURE_REASONS : 0);
    return this.#arena.sum(THREAD_RANGE, first + TLS_FAILURES.indexOf(reason));
  }

  /** How often bytes were rejected at that place. */
  protocolErrors(side: 'downstream' | 'upstream', token: ProtocolErrorToken): number {
    const first = THREAD.PROTOCOL_ERRORS + (side === 'upstream' ? THREAD.PROTOCOL_ERROR_TOKENS : 0);
    return this.#arena.sum(THREAD_RANGE, first + PROTOCOL_ERROR_TOKENS.indexOf(token));
  }

  /** Lets the data plane's clock, on which deadlines and the ages of connections are, stand `ms` later. */
  skip(ms: number): void {
    this.#skipped += ms;
    this.data.clock.endTurn();
    // Its timer knows nothing of that.
    this.data.deadlines.advance();
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
      ...(options.tls === undefined ? {} : { tls: options.tls }),
      zone: options.zone ?? null,
      ...(options.clients === undefined ? {} : { clients: options.clients }),
    },
    (message) => messages.push(message),
  );
  arena.onSegment((_thread, segment) => data.receive({ kind: 'segment', segment }));
  await data.listen(['127.0.0.1:0'], false, options.secure);
  const [said] = messages;
  if (said?.kind !== 'listening') throw new Error(JSON.stringify(said));
  const plane = new Plane(data, said.addresses[0] as string, messages, arena, said.secure ?? []);
  t.teardown(async () => {
    data.receive({ kind: 'drain', graceMs: 0 });
    await eventually(() => plane.said('drained').length > 0);
  });
  return plane;
}
