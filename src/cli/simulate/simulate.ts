import type { Config, ServiceConfig } from '../../config/config.ts';
import { didYouMean } from '../../config/suggest.ts';
import { ModulePolicies } from '../../dataplane/balancing/module_policies.ts';
import type { PickerFactory } from '../../dataplane/balancing/picker.ts';
import { needsOf, POLICIES } from '../../dataplane/balancing/policies.ts';
import { type Balance, isModulePath } from '../../model/balancing.ts';
import type { SimulateCommand } from './command.ts';
import { Connections } from './connections.ts';
import { type Condition, makeFleet } from './fleet.ts';
import { type Movement, movementOf } from './movement.ts';
import { seeded } from './seeded.ts';
import { type Spread, spreadOf } from './spread.ts';
import { simulateTraffic, type Traffic } from './traffic.ts';

/** What came out of a simulation. */
export interface SimulationReport {
  readonly kind: 'report';
  readonly service: string;
  readonly balance: string;
  readonly subset: number | null;
  readonly command: SimulateCommand;
  readonly traffic: Omit<Traffic, 'calls'>;
  /** Instances of each condition. */
  readonly instances: Readonly<Record<Condition, number>>;
  /** Over the instances that some simulated sidecar connects to. */
  readonly callsPerInstance: Spread;
  /** Over all instances, from all sidecars. */
  readonly connectionsPerInstance: Spread;
  /** When one instance leaves, or joins. */
  readonly movement: Movement;
  /** What a policy of the user's own did wrong. */
  readonly faults: readonly string[];
}

export interface SimulationProblem {
  readonly kind: 'problem';
  readonly message: string;
  readonly hint: string;
}

/** Calls per second and instance, unless something else is asked for. */
const RATE = 10;

export async function simulate(
  config: Config,
  command: SimulateCommand,
  progress: (done: number) => void,
): Promise<SimulationReport | SimulationProblem> {
  const found = findService(config, command.service);
  if ('kind' in found) return found;
  const { name, service } = found;
  const { settings } = service;
  const { subset, balance } = settings;
  const random = seeded(command.seed);
  const fleet = makeFleet(service, command.instances, command.fail, command.slow, random);
  const connections = new Connections(fleet, subset);
  const faults: string[] = [];
  const factory = await factoryOf(balance, (what) => faults.push(what));
  const { calls, ...traffic } = simulateTraffic({
    settings,
    factory,
    fleet,
    connections,
    sidecars: command.sidecars,
    zone: config.app.zone,
    calls: command.calls,
    rate: command.rate ?? RATE * fleet.length,
    random,
    progress,
  });
  const count = (condition: Condition): number => fleet.filter((instance) => instance.condition === condition).length;
  const changed = Math.floor(random() * fleet.length);
  const hashing = needsOf(balance).key === true && !isModulePath(balance) ? factory : null;
  return {
    kind: 'report',
    service: name,
    balance,
    subset,
    command,
    traffic,
    instances: { well: count('well'), failing: count('failing'), slow: count('slow') },
    callsPerInstance: spreadOf(ofConnected(calls, connectionsOf(connections, fleet.length, traffic.sidecars, subset))),
    connectionsPerInstance: spreadOf(connectionsOf(connections, fleet.length, command.sidecars, subset)),
    movement: movementOf(fleet, changed, subset, command.sidecars, hashing),
    faults,
  };
}

function connectionsOf(connections: Connections, count: number, sidecars: number, subset: number | null): Uint32Array {
  const counts = new Uint32Array(count);
  if (subset === null) return counts.fill(sidecars);
  for (let sidecar = 0; sidecar < sidecars; sidecar++) {
    for (const index of connections.of(sidecar)) counts[index] = (counts[index] as number) + 1;
  }
  return counts;
}

function ofConnected(calls: Uint32Array, connections: Uint32Array): Uint32Array {
  return calls.filter((_, index) => (connections[index] as number) > 0);
}

async function factoryOf(balance: Balance, fault: (what: string) => void): Promise<PickerFactory> {
  if (!isModulePath(balance)) return POLICIES[balance];
  const policies = new ModulePolicies({ onLoaded() {}, onNotLoaded() {}, onFault: (_, what) => fault(what) });
  await policies.load({ path: balance, revision: 0 });
  return policies.factory(balance, () => {});
}

function findService(
  config: Config,
  wanted: string | null,
): SimulationProblem | { readonly name: string; readonly service: Pick<ServiceConfig, 'settings' | 'instances'> } {
  const names = [...config.services.keys()];
  const name = wanted ?? names[0];
  const service = name === undefined ? undefined : config.services.get(name);
  if (name !== undefined && service !== undefined) return { name, service };
  if (config.discover !== null) {
    return { name: name ?? 'discover', service: { settings: config.discover.settings, instances: [] } };
  }
  const list = `there are: ${names.join(', ')}`;
  return {
    kind: 'problem',
    message: `the config has no service "${name}"`,
    hint: didYouMean(name ?? '', names) ?? list,
  };
}
