import type { PickerFactory } from '../../dataplane/balancing/picker.ts';
import type { ServiceSettings } from '../../model/service.ts';
import type { Connections } from './connections.ts';
import { EventQueue } from './event_queue.ts';
import type { Condition, FleetInstance } from './fleet.ts';
import { type SimulatedInstance, SimulatedSidecar } from './simulated_sidecar.ts';

/** Mean time of an answer, in milliseconds: exponentially distributed, whatever the load. */
const LATENCY: Readonly<Record<Condition, number>> = { well: 10, slow: 100, failing: 1 };
/** As many instances as all sidecars together may see: each is an object in memory. */
const MOST_SEEN = 1_000_000;
/** Progress is told about so often, in calls. */
const TELL_EVERY = 1 << 16;
/** Of an event, what kind it is. */
const ENDED = 0;
const PROBATION = 1;
/** Arrivals are bound to exist: at least so many calls per second. */
const LEAST_RATE = 1e-3;

export interface TrafficOptions {
  readonly settings: ServiceSettings;
  readonly factory: PickerFactory;
  readonly fleet: readonly FleetInstance[];
  readonly connections: Connections;
  readonly sidecars: number;
  readonly zone: string | null;
  readonly calls: number;
  /** Calls per second, of all sidecars together. */
  readonly rate: number;
  readonly random: () => number;
  /** Told now and then how much is done, from 0 to 1. */
  readonly progress: (done: number) => void;
}

export interface Traffic {
  /** By instance. */
  readonly calls: Uint32Array;
  readonly byCondition: Readonly<Record<Condition, number>>;
  /** Calls for which there was no instance. */
  readonly unplaced: number;
  readonly ejections: number;
  /** Sidecars whose calls were simulated: fewer than there are when together they see too many instances. */
  readonly sidecars: number;
  /** Simulated seconds. */
  readonly seconds: number;
}

/** Lets `calls` come, at random times and to random sidecars, and answers them: the same for the same random numbers. */
export function simulateTraffic(options: TrafficOptions): Traffic {
  const { settings, factory, fleet, connections, zone, random, progress } = options;
  let now = 0;
  const queue = new EventQueue();
  const seen: SimulatedInstance[] = [];
  const world = {
    now: () => now,
    random,
    zone,
    ejected: (instance: SimulatedInstance, ms: number) => queue.push(now + ms, eventOf(instance, PROBATION), 0),
  };
  const sidecars: SimulatedSidecar[] = [];
  while (sidecars.length < options.sidecars && (sidecars.length === 0 || seen.length < MOST_SEEN)) {
    const sidecar = new SimulatedSidecar(settings, factory, fleet, connections.of(sidecars.length), world);
    for (const instance of sidecar.subset.members) instance.place = seen.push(instance) - 1;
    sidecars.push(sidecar);
  }
  const calls = new Uint32Array(fleet.length);
  const byCondition = { well: 0, failing: 0, slow: 0 };
  let unplaced = 0;
  const happen = (): void => {
    now = queue.next;
    const { event, value: latency } = queue;
    queue.drop();
    const instance = seen[event >> 1] as SimulatedInstance;
    if ((event & 1) === PROBATION) instance.probation();
    else instance.sidecar.end(instance, latency, instance.record.condition === 'failing');
  };
  const pause = 1_000 / Math.max(LEAST_RATE, options.rate);
  for (let call = 0, next = 0; call < options.calls; call++) {
    next += exponential(pause, random);
    while (queue.next <= next) happen();
    now = next;
    const sidecar = sidecars[Math.floor(random() * sidecars.length)] as SimulatedSidecar;
    const instance = sidecar.begin(Math.floor(random() * 2 ** 32));
    if (instance === null) unplaced++;
    else {
      const { condition } = instance.record;
      calls[instance.index] = (calls[instance.index] as number) + 1;
      byCondition[condition]++;
      const latency = exponential(LATENCY[condition], random);
      queue.push(now + latency, eventOf(instance, ENDED), latency);
    }
    if (call % TELL_EVERY === 0) progress(call / options.calls);
  }
  const ejections = sidecars.reduce((sum, sidecar) => sum + sidecar.ejections, 0);
  return { calls, byCondition, unplaced, ejections, sidecars: sidecars.length, seconds: now / 1_000 };
}

function eventOf({ place }: SimulatedInstance, kind: number): number {
  return place * 2 + kind;
}

function exponential(mean: number, random: () => number): number {
  return -Math.log(1 - random()) * mean;
}
