import { Load } from '../../dataplane/balancing/load.ts';
import { LoadTable } from '../../dataplane/balancing/load_table.ts';
import type { PickerFactory } from '../../dataplane/balancing/picker.ts';
import { needsOf } from '../../dataplane/balancing/policies.ts';
import { type Judged, OutlierDetector } from '../../dataplane/upstream/outlier_detector.ts';
import { PassiveHealth } from '../../dataplane/upstream/passive_health.ts';
import { type Member, Subset } from '../../dataplane/upstream/subset.ts';
import { type Block, SERVICE } from '../../model/counters.ts';
import type { ServiceSettings } from '../../model/service.ts';
import type { FleetInstance } from './fleet.ts';

/** What a sidecar that is simulated may ask. */
export interface SimulatedWorld {
  /** Simulated milliseconds. */
  now(): number;
  random(): number;
  /** Lets `instance.probation` be called in `ms`. */
  ejected(instance: SimulatedInstance, ms: number): void;
  readonly zone: string | null;
}

/** An instance as one sidecar sees it: always connected, never full. */
export class SimulatedInstance implements Member, Judged {
  readonly id: string;
  readonly weight: number;
  readonly record: FleetInstance;
  readonly load: Load;
  readonly health = new PassiveHealth();
  readonly connected = true;
  usableSince = 0;
  state = 'ready';
  readonly sidecar: SimulatedSidecar;
  /** Its index in the fleet. */
  readonly index: number;
  /** Its number among all that any sidecar sees. */
  place = 0;

  constructor(record: FleetInstance, index: number, sidecar: SimulatedSidecar, loads: LoadTable) {
    this.load = new Load(loads);
    this.id = record.address;
    this.weight = record.weight;
    this.record = record;
    this.index = index;
    this.sidecar = sidecar;
  }

  get inFlight(): number {
    return this.load.inFlight;
  }

  /** After its time out it gets one request at first, as in a sidecar that runs. */
  freeConnection(): object | null {
    return this.health.probe === 'running' ? null : this;
  }

  wantMore(): void {}

  eject(ms: number): void {
    this.health.ejectedUntil = this.sidecar.world.now() + ms;
    this.state = 'ejected';
    this.sidecar.subset.invalidate();
    this.sidecar.world.ejected(this, ms);
  }

  probation(): void {
    this.health.ejectedUntil = 0;
    this.health.probe = 'due';
    this.state = 'ready';
    this.usableSince = this.sidecar.world.now();
    this.sidecar.subset.invalidate();
  }
}

/** The policy, the subset and the outlier detection of one sidecar, in simulated time. */
export class SimulatedSidecar {
  readonly world: SimulatedWorld;
  readonly subset: Subset<SimulatedInstance>;
  readonly #members: readonly SimulatedInstance[];
  readonly #outliers: OutlierDetector;
  readonly #watchesLoad: boolean;
  readonly #block: Block = { view: new Float64Array(SERVICE.SLOTS), base: 0 };

  /** @param indices the part of `fleet` that it connects to, in order */
  constructor(
    settings: ServiceSettings,
    factory: PickerFactory,
    fleet: readonly FleetInstance[],
    indices: readonly number[],
    world: SimulatedWorld,
  ) {
    this.world = world;
    const { exact = false, load = false } = needsOf(settings.balance);
    this.#watchesLoad = load;
    const loads = new LoadTable();
    this.#members = indices.map((index) => new SimulatedInstance(fleet[index] as FleetInstance, index, this, loads));
    this.#outliers = new OutlierDetector(settings.outlier, () => this.#members);
    const context = { random: () => world.random(), now: () => world.now(), zone: world.zone };
    this.subset = new Subset<SimulatedInstance>(null, { factory, exact }, context, () => settings);
    this.subset.setMembers(this.#members);
  }

  /** Times that an instance was left out. */
  get ejections(): number {
    return this.#block.view.slice(SERVICE.EJECTIONS, SERVICE.RETRIES_DENIED).reduce((sum, count) => sum + count, 0);
  }

  /** The instance of the next call; null when there is none. */
  begin(key: number): SimulatedInstance | null {
    const instance = this.subset.pick([], key);
    if (instance === null) return null;
    instance.load.inFlight++;
    if (instance.health.probe === 'due') instance.health.probe = 'running';
    return instance;
  }

  /** A call ended, after `latency` simulated milliseconds. */
  end(instance: SimulatedInstance, latency: number, failed: boolean): void {
    const now = this.world.now();
    instance.load.inFlight--;
    if (this.#watchesLoad) instance.load.ended(latency, failed, now);
    const probe = instance.health.probe === 'running';
    if (probe) instance.health.probe = failed ? 'due' : 'none';
    if (probe && !failed) instance.usableSince = now;
    if (failed) this.#outliers.failed(instance, probe, now, this.#block);
    else this.#outliers.succeeded(instance);
    this.#outliers.sweep(now, this.#block);
    this.subset.slotFreed();
  }
}
