import { systemClock } from '../../base/clock.ts';
import { describeError, OutriggerError } from '../../base/errors.ts';
import type { Config } from '../../config/config.ts';
import { readConfig } from '../../config/read.ts';
import { withoutKept } from '../../control/registries/kept.ts';
import { openRegistry } from '../../control/registries/open.ts';
import { FORMAT_NAMES, findFormat } from '../../control/registries/records/formats.ts';
import type { Registry } from '../../control/registries/registry.ts';
import { type Output, problemsText } from '../check_print.ts';
import { ask, type ListedRecord } from './ask.ts';
import type { ServicesCommand, ServicesSource } from './command.ts';
import { registryJson, registryText } from './registry_print.ts';
import { configuredTargets, pathTargets, type Target } from './targets.ts';

type FromRegistry = Extract<ServicesSource, { readonly kind: 'registry' }>;

/**
 * `outrigger services --registry`: opens a registry of the config, asks once, and prints every record with the format that it was read as.
 * Resolves with the exit code: 0; 1 when there was no answer to a question; 2 for a bad config or wrong usage.
 */
export async function listRegistry(command: ServicesCommand, from: FromRegistry, output: Output): Promise<number> {
  if (findFormat(from.format) === null) {
    return wrongUsage(output, `there is no format "${from.format}"`, `use one of: ${FORMAT_NAMES.join(', ')}`);
  }
  const result = await readConfig(command.config);
  if (result.kind === 'problems') {
    output.err(problemsText(result.problems, output.color));
    return 2;
  }
  const name = registryName(result.config, from.name);
  if (typeof name !== 'string') return wrongUsage(output, name.message, name.hint);
  const options = result.config.registries.get(name);
  if (options === undefined) throw new Error(`registry "${name}" is gone`);
  const registry = await openRegistry(name, options, { clock: systemClock });
  try {
    return await list(command, from, result.config, registry, output);
  } catch (error) {
    failed(output, error);
    return 1;
  } finally {
    await registry.close();
  }
}

/** The name of a registry of the config; else what is wrong. */
function registryName(
  config: Config,
  wanted: string | null,
): string | { readonly message: string; readonly hint: string } {
  const names = [...config.registries.keys()];
  const there = `there are: ${names.join(', ')}`;
  if (wanted !== null)
    return names.includes(wanted) ? wanted : { message: `there is no registry "${wanted}"`, hint: there };
  const [only] = names;
  if (names.length === 1 && only !== undefined) return only;
  return { message: 'the config has several registries', hint: `name one; ${there}` };
}

async function list(
  command: ServicesCommand,
  from: FromRegistry,
  config: Config,
  registry: Registry,
  output: Output,
): Promise<number> {
  const targets =
    from.path === null
      ? await configuredTargets(config, registry)
      : await pathTargets(registry, from.path, from.format);
  if (targets.length === 0 && registry.names === undefined) {
    const message = `nothing says what to look up in registry "${registry.name}" (${registry.type})`;
    return wrongUsage(output, message, 'say it: --path PATH, as under "path" of a service');
  }
  const answers = await Promise.all(targets.map((target) => ask(registry, target, systemClock)));
  const errors = new Map(answers.flatMap(({ error }) => (error === null ? [] : [[error.message, error] as const])));
  for (const error of errors.values()) failed(output, error);
  const answered = answers.flatMap(({ records }) => (records === null ? [] : [records]));
  if (answered.length === 0 && targets.length > 0) return 1;
  const records = eachOnce(answered);
  const where = `registry "${registry.name}" (${registry.type})${pathsText(targets)}`;
  output.out(command.json ? registryJson(registry.name, registry.type, records) : registryText(records, where));
  return errors.size > 0 ? 1 : 0;
}

/** A service of the config may also stand where `discover` looks: what was found by the one is not told again by the other. */
function eachOnce(answers: readonly (readonly ListedRecord[])[]): ListedRecord[] {
  const told = new Set<string>();
  return answers.flatMap((records) => {
    const placed = records.map((record) => ({ record, place: JSON.stringify([record.service, record.key]) }));
    const fresh = placed.filter(({ place }) => !told.has(place));
    for (const { place } of fresh) told.add(place);
    return fresh.map(({ record }) => record);
  });
}

function pathsText(targets: readonly Target[]): string {
  const paths = targets.map(({ query }) => query.path).filter((path) => path !== '');
  return paths.length === 0 ? '' : ` at ${paths.join(', ')}`;
}

function wrongUsage(output: Output, message: string, hint: string): number {
  output.err(`${message}\n  hint: ${hint}\n`);
  return 2;
}

function failed(output: Output, error: unknown): void {
  const hint = error instanceof OutriggerError ? withoutKept(error.hint) : null;
  output.err(`${describeError(error)}\n${hint === null ? '' : `  hint: ${hint}\n`}`);
}
