import { CounterArena } from '../../src/control/counters.ts';
import { ENDPOINT, type Range, SERVICE, VERSION } from '../../src/model/counters.ts';
import type { InstanceMetrics, MetricsView, RegistryMetrics, ServiceMetrics } from '../../src/observe/metrics_view.ts';

/** A made-up sidecar: a real arena, written to as data threads would. */
export class World implements MetricsView {
  readonly counters: CounterArena;
  readonly list: (ServiceMetrics & { instances: InstanceMetrics[]; versions: Record<string, Range> })[] = [];
  readonly registryList: RegistryMetrics[] = [];
  readonly restartList: number[] = [];

  constructor(threads = 2) {
    this.counters = new CounterArena(threads);
    this.restartList = Array.from({ length: threads }, () => 0);
  }

  services() {
    return this.list;
  }

  registries() {
    return this.registryList;
  }

  restarts() {
    return this.restartList;
  }

  addService(name: string, versions: readonly string[]) {
    const ranges = Object.fromEntries(versions.map((version) => [version, this.counters.allocate(VERSION.SLOTS)]));
    const service = {
      name,
      counters: this.counters.allocate(SERVICE.SLOTS),
      versions: ranges,
      instances: [] as InstanceMetrics[],
    };
    this.list.push(service);
    return service;
  }

  addInstance(service: { instances: InstanceMetrics[] }, address: string, version: string | null): InstanceMetrics {
    const instance = { address, version, counters: this.counters.allocate(ENDPOINT.SLOTS) };
    service.instances.push(instance);
    return instance;
  }

  /** The block of a range in one thread, as that thread would hold it. */
  block(thread: number, range: Range): { view: Float64Array; base: number } {
    return {
      view: new Float64Array(this.counters.segments(thread)[range.segment] as SharedArrayBuffer),
      base: range.offset,
    };
  }

  set(thread: number, range: Range, slot: number, value: number): void {
    const { view, base } = this.block(thread, range);
    view[base + slot] = value;
  }
}
