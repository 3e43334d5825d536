import { type Cell, tableText } from '../table.ts';
import type { SimulationReport } from './simulate.ts';
import type { Spread } from './spread.ts';

/** The report for people. */
export function reportText(report: SimulationReport): string {
  const { command, traffic, instances, movement, subset } = report;
  const lines = [
    `service "${report.service}", ${report.balance}, ${count(command.instances, 'instance')}, ` +
      `${count(command.sidecars, 'sidecar')}${subset === null ? '' : ` with a subset of ${number(subset)}`}, seed ${command.seed}`,
    `${count(command.calls, 'call')} in ${traffic.seconds.toFixed(1)} s of simulated time` +
      `${traffic.sidecars < command.sidecars ? `, made by ${number(traffic.sidecars)} of the sidecars` : ''}`,
    '',
    tableText(
      ['per instance', 'min', 'mean', 'p99', 'max', 'variation'],
      [row('calls', report.callsPerInstance), row('connections', report.connectionsPerInstance)],
    ).trimEnd(),
    '',
  ];
  for (const [condition, what] of [
    ['failing', 'that fail'],
    ['slow', 'that are slow'],
  ] as const) {
    if (instances[condition] === 0) continue;
    const hits = percent(traffic.byCondition[condition] / command.calls);
    lines.push(`calls to instances ${what}: ${hits} (they are ${percent(instances[condition] / command.instances)})`);
  }
  if (traffic.ejections > 0) lines.push(`times that an instance was left out: ${number(traffic.ejections)}`);
  if (traffic.unplaced > 0) lines.push(`calls without an instance: ${number(traffic.unplaced)}`);
  const keys = movement.keys === null ? '' : `, and ${percent(movement.keys)} of the keys`;
  const own = movement.own === movement.connections ? '' : `, ${number(movement.own)} of them its own`;
  lines.push(`one instance that leaves or joins moves ${count(movement.connections, 'connection')}${own}${keys}`);
  for (const fault of report.faults) lines.push(`the policy is at fault, round robin took over: ${fault}`);
  return `${lines.join('\n')}\n`;
}

/** The report for programs. Shares from 0 to 1. */
export function reportJson(report: SimulationReport): string {
  const { command, traffic, instances, movement } = report;
  const spread = ({ min, mean, p99, max, cv }: Spread) => ({ min, mean, p99, max, coefficient_of_variation: cv });
  const json = {
    service: report.service,
    balance: report.balance,
    subset: report.subset,
    instances: command.instances,
    calls: command.calls,
    sidecars: command.sidecars,
    sidecars_simulated: traffic.sidecars,
    seed: command.seed,
    simulated_seconds: traffic.seconds,
    calls_per_instance: spread(report.callsPerInstance),
    connections_per_instance: spread(report.connectionsPerInstance),
    failing: { instances: instances.failing, share_of_calls: traffic.byCondition.failing / command.calls },
    slow: { instances: instances.slow, share_of_calls: traffic.byCondition.slow / command.calls },
    ejections: traffic.ejections,
    calls_without_instance: traffic.unplaced,
    one_leaves_or_joins: {
      connections_moved: movement.connections,
      of_them_its_own: movement.own,
      share_of_keys_moved: movement.keys,
    },
    policy_faults: report.faults,
  };
  return `${JSON.stringify(json, null, 2)}\n`;
}

function row(name: string, { min, mean, p99, max, cv }: Spread): Cell[] {
  return [name, number(min), mean.toFixed(1), number(p99), number(max), percent(cv)];
}

function number(value: number): string {
  return value.toLocaleString('en');
}

function count(value: number, what: string): string {
  return `${number(value)} ${what}${value === 1 ? '' : 's'}`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)}%`;
}
