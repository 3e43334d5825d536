import { keyPath, type Origin, type Problem, type Step } from './problem.ts';
import { type RegisterFlags, registerTree } from './register_flags.ts';
import { mapOf, scalar, type Tree, withValue } from './tree.ts';
import type { Env } from './variables.ts';
import { typedScalar } from './yaml_tree.ts';

/** The flags that say something about the config, as they were given. */
export interface ConfigFlags {
  /** Endpoints of an etcd; several flags or commas make several. */
  readonly etcd?: readonly string[];
  /** URL of a Consul agent. */
  readonly consul?: string;
  /** Path of a file registry. */
  readonly file?: string;
  /** Where in the registry, with `{service}`. */
  readonly path?: string;
  /** Format of the records. */
  readonly format?: string;
  /** `name=address[@version],...`, one per flag. */
  readonly static?: readonly string[];
  /** What is to be registered, by `outrigger register`. */
  readonly register?: RegisterFlags;
  readonly listen?: readonly string[];
  readonly admin?: string;
  readonly telemetry?: string;
  readonly workers?: string;
  readonly logLevel?: string;
}

/** Flags that describe a whole config, so that no file is needed. */
export function describesRegistry(flags: ConfigFlags): boolean {
  return (
    flags.etcd !== undefined || flags.consul !== undefined || flags.file !== undefined || flags.static !== undefined
  );
}

/** A tree, and what could not be turned into one. */
export interface Overlay {
  readonly tree: Tree;
  readonly problems: readonly Problem[];
}

/** The flags that say where names are looked up: one of them at a time. */
const LOOKUPS = ['etcd', 'consul', 'file'] as const;

/** The config that registry flags describe: `--etcd`, `--consul`, `--file`, `--static`, `--path`, `--format`. */
export function flagTree(flags: ConfigFlags): Overlay {
  const registries: Record<string, Tree> = {};
  const problems: Problem[] = [];
  if (flags.etcd !== undefined) {
    const at = flag('--etcd');
    const items = flags.etcd.flatMap((urls) => splitList(urls)).map((url) => scalar(url, at));
    registries.etcd = mapOf({ type: scalar('etcd', at), endpoints: { kind: 'list', items, at } }, at);
  }
  if (flags.file !== undefined) {
    const at = flag('--file');
    registries.file = mapOf({ type: scalar('file', at), path: scalar(flags.file, at) }, at);
  }
  if (flags.consul !== undefined) {
    const at = flag('--consul');
    registries.consul = mapOf({ type: scalar('consul', at), address: scalar(flags.consul, at) }, at);
  }
  const [lookup = null, ...others] = LOOKUPS.filter((name) => flags[name] !== undefined);
  for (const other of others) {
    const hint = 'use a config file to follow several registries';
    problems.push({ at: flag(`--${other}`), key: '', message: `cannot be combined with --${lookup}`, hint });
  }
  const tree: Record<string, Tree> = {};
  if (flags.register !== undefined) {
    const items = [registerTree(flags.register, lookup, flags)];
    tree.register = { kind: 'list', items, at: flag('--service') };
  } else if (lookup !== null) tree.discover = discoverTree(flags, lookup);
  if (flags.static !== undefined) {
    registries.static = mapOf({ type: scalar('static', flag('--static')) }, flag('--static'));
    tree.services = staticServices(flags.static, problems);
  }
  tree.registries = mapOf(registries, { kind: 'none' });
  return { tree: mapOf(tree, { kind: 'none' }), problems: [...problems, ...strayFlags(flags, lookup !== null)] };
}

function discoverTree(flags: ConfigFlags, registry: string): Tree {
  const entries: Record<string, Tree> = { registry: scalar(registry, flag(`--${registry}`)) };
  if (flags.path !== undefined) entries.path = scalar(flags.path, flag('--path'));
  if (flags.format !== undefined) entries.format = scalar(flags.format, flag('--format'));
  return mapOf(entries, flag(`--${registry}`));
}

/** Flags that would have no effect. */
export function strayFlags(flags: ConfigFlags, lookup: boolean): Problem[] {
  const hint =
    'it says how names are looked up: give --etcd, --consul or --file with it, or write it into the config file';
  return (['path', 'format'] as const)
    .filter((name) => !lookup && flags[name] !== undefined)
    .map((name) => ({ at: flag(`--${name}`), key: '', message: 'needs --etcd, --consul or --file', hint }));
}

const STATIC_HINT = 'for example --static book=127.0.0.1:50051@v1,127.0.0.1:50052@v2';

function staticServices(given: readonly string[], problems: Problem[]): Tree {
  const at = flag('--static');
  const instances = new Map<string, Tree[]>();
  for (const service of given) {
    const equals = service.indexOf('=');
    const name = service.slice(0, Math.max(0, equals)).trim();
    const addresses = splitList(service.slice(equals + 1));
    if (name === '' || addresses.length === 0) {
      const message = `expected name=address,..., found ${JSON.stringify(service)}`;
      problems.push({ at, key: '', message, hint: STATIC_HINT });
      continue;
    }
    const known = instances.get(name) ?? [];
    instances.set(name, known.concat(addresses.map((address) => staticInstance(address, at))));
  }
  const services = [...instances].map(([name, items]) => {
    return [name, mapOf({ registry: scalar('static', at), instances: { kind: 'list', items, at } }, at)] as const;
  });
  return { kind: 'map', entries: new Map(services.map(([name, tree]) => [name, { keyAt: at, tree }])), at };
}

function staticInstance(text: string, at: Origin): Tree {
  const sign = text.lastIndexOf('@');
  if (sign === -1) return mapOf({ address: scalar(text, at) }, at);
  return mapOf({ address: scalar(text.slice(0, sign), at), version: scalar(text.slice(sign + 1), at) }, at);
}

/** `tree` with what the environment says: `OUTRIGGER_LISTEN`, `_ADMIN`, `_TELEMETRY`, `_WORKERS`, `_LOG_LEVEL`; an empty one says nothing. */
export function withEnvironment(tree: Tree, env: Env): Tree {
  return OVERRIDES.reduce((result, { path, variable, list }) => {
    const text = env[variable]?.trim();
    return text ? withText(result, path, list ? splitList(text) : text, { kind: 'env', name: variable }) : result;
  }, tree);
}

/** `tree` with what the flags say beside the registries. */
export function withFlags(tree: Tree, flags: ConfigFlags): Tree {
  return OVERRIDES.reduce((result, { path, name, list }) => {
    const given = flags[name];
    if (given === undefined) return result;
    const value = typeof given === 'string' ? given : given.flatMap(splitList);
    return withText(result, path, list && typeof value === 'string' ? [value] : value, flag(FLAG_NAMES[name]));
  }, tree);
}

type OverrideFlag = 'listen' | 'admin' | 'telemetry' | 'workers' | 'logLevel';

const FLAG_NAMES: Readonly<Record<OverrideFlag, string>> = {
  listen: '--listen',
  admin: '--admin',
  telemetry: '--telemetry',
  workers: '--workers',
  logLevel: '--log-level',
};

const OVERRIDES: readonly {
  readonly path: readonly Step[];
  readonly variable: string;
  readonly name: OverrideFlag;
  readonly list: boolean;
}[] = [
  { path: ['listen'], variable: 'OUTRIGGER_LISTEN', name: 'listen', list: true },
  { path: ['admin'], variable: 'OUTRIGGER_ADMIN', name: 'admin', list: false },
  { path: ['telemetry'], variable: 'OUTRIGGER_TELEMETRY', name: 'telemetry', list: false },
  { path: ['workers'], variable: 'OUTRIGGER_WORKERS', name: 'workers', list: false },
  { path: ['log', 'level'], variable: 'OUTRIGGER_LOG_LEVEL', name: 'logLevel', list: false },
];

/** What wins over the file: a key, and the variable and the flag that do. */
export function overrides(): readonly { readonly key: string; readonly variable: string; readonly flag: string }[] {
  return OVERRIDES.map(({ path, variable, name }) => ({ key: keyPath(path), variable, flag: FLAG_NAMES[name] }));
}

function withText(tree: Tree, path: readonly Step[], value: string | readonly string[], at: Origin): Tree {
  if (typeof value === 'string') return withValue(tree, path, typedScalar(value, at));
  return withValue(tree, path, { kind: 'list', items: value.map((text) => typedScalar(text, at)), at });
}

function flag(name: string): Origin {
  return { kind: 'flag', name };
}

function splitList(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}
