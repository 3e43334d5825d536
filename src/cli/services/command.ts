import type { ConfigRequest } from '../../config/read.ts';

/** What `outrigger services` was asked. */
export interface ServicesCommand {
  readonly kind: 'services';
  readonly config: ConfigRequest;
  readonly from: ServicesSource;
  /** For programs instead of people. */
  readonly json: boolean;
}

export type ServicesSource =
  /** What a registry holds. `name` may be left out when there is one; `path` when the config says what to look up. */
  | { readonly kind: 'registry'; readonly name: string | null; readonly path: string | null; readonly format: string }
  /** What the running sidecar knows: of one service, or of all. `admin` as on the command line; null: where the config says. */
  | { readonly kind: 'sidecar'; readonly service: string | null; readonly admin: string | null };

/** Wrong usage, as `args.ts` has it. */
interface Usage {
  readonly kind: 'usage';
  readonly message: string;
  readonly hint: string;
}

/** Flags that say something of a registry, and nothing of a sidecar. */
const REGISTRY_ONLY = ['path', 'format', 'etcd', 'consul', 'file'] as const;

/**
 * Takes apart what follows `outrigger services`.
 * @param word the word after the command: a registry's name after `--registry`, else a service's
 * @param config `--path` and `--format` say what to look up here, not how names are: they are taken out of its flags
 */
export function servicesCommand(
  values: ReadonlyMap<string, readonly string[]>,
  word: string | null,
  config: ConfigRequest,
): ServicesCommand | Usage {
  const json = values.has('json');
  if (!values.has('registry')) {
    const stray = REGISTRY_ONLY.find((flag) => values.has(flag));
    if (stray !== undefined) {
      const hint = 'add --registry to list what a registry holds; without it the running sidecar is asked';
      return { kind: 'usage', message: `services takes --${stray} only with --registry`, hint };
    }
    const { admin: _, ...flags } = config.flags;
    const admin = values.get('admin')?.[0] ?? null;
    return { kind: 'services', config: { ...config, flags }, from: { kind: 'sidecar', service: word, admin }, json };
  }
  if (values.has('admin')) {
    const message = 'services takes either --registry or --admin';
    return { kind: 'usage', message, hint: 'a registry is asked directly: leave --admin out' };
  }
  const bound = values.get('registry')?.[0] || null;
  if (bound !== null && word !== null) {
    return {
      kind: 'usage',
      message: `services takes no "${word}"`,
      hint: `one registry at a time: --registry=${bound}`,
    };
  }
  const { path = null, format = 'auto', ...flags } = config.flags;
  return {
    kind: 'services',
    config: { ...config, flags },
    from: { kind: 'registry', name: bound ?? word, path, format },
    json,
  };
}
