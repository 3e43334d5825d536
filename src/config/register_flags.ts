import type { Origin } from './problem.ts';
import { mapOf, scalar, type Tree } from './tree.ts';
import { typedScalar } from './yaml_tree.ts';

/** The flags of `outrigger register` that stand for one entry of `register:`, as they were given. */
export interface RegisterFlags {
  readonly service: string;
  readonly address?: string;
  readonly port?: string;
  readonly appVersion?: string;
  readonly id?: string;
  readonly ttl?: string;
  /** `grpc`, `grpc:NAME`, `http:/path`, `tcp` or `off`. */
  readonly health?: string;
}

const KEYS: readonly {
  readonly name: keyof RegisterFlags;
  readonly flag: string;
  readonly key: string;
  readonly typed?: true;
}[] = [
  { name: 'service', flag: '--service', key: 'service' },
  { name: 'address', flag: '--address', key: 'address' },
  { name: 'port', flag: '--port', key: 'port', typed: true },
  { name: 'appVersion', flag: '--app-version', key: 'version' },
  { name: 'id', flag: '--id', key: 'id' },
  { name: 'ttl', flag: '--ttl', key: 'ttl' },
];

/** The entry of `register:` that flags describe. `path` and `format` are those of `--path` and `--format`. */
export function registerTree(
  flags: RegisterFlags,
  registry: string | null,
  more: { readonly path?: string | undefined; readonly format?: string | undefined },
): Tree {
  const entries: Record<string, Tree> = {};
  for (const { name, flag, key, typed } of KEYS) {
    const text = flags[name];
    if (text !== undefined) entries[key] = typed ? typedScalar(text, origin(flag)) : scalar(text, origin(flag));
  }
  if (registry !== null) entries.registry = scalar(registry, origin(`--${registry}`));
  if (more.path !== undefined) entries.path = scalar(more.path, origin('--path'));
  if (more.format !== undefined) entries.format = scalar(more.format, origin('--format'));
  if (flags.health !== undefined) entries.health = healthTree(flags.health, origin('--health'));
  return mapOf(entries, origin('--service'));
}

function healthTree(text: string, at: Origin): Tree {
  const match = /^(grpc|http)(?::(.*))?$/s.exec(text);
  const [, kind, detail] = match ?? [];
  if (kind === 'grpc') return mapOf({ grpc: scalar(detail ?? '', at) }, at);
  return kind === 'http' ? mapOf({ http: scalar(detail ?? '/', at) }, at) : scalar(text, at);
}

function origin(name: string): Origin {
  return { kind: 'flag', name };
}
