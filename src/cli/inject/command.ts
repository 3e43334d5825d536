import type { ConfigFlags } from '../../config/overrides.ts';
import { didYouMean } from '../../config/suggest.ts';
import type { InjectCommand } from '../inject.ts';

/** Wrong usage, as `args.ts` has it. */
interface Usage {
  readonly kind: 'usage';
  readonly message: string;
  readonly hint: string;
}

const MODES = ['native', 'plain'] as const;

/**
 * Takes apart what follows `outrigger inject`; `flags` are those that say something about the config, and `version` that of the program, whose
 * image is the default.
 */
export function injectCommand(
  values: ReadonlyMap<string, readonly string[]>,
  flags: ConfigFlags,
  version: string,
): InjectCommand | Usage {
  const one = (name: string): string | null => values.get(name)?.[0] ?? null;
  const file = one('filename');
  if (file === null) {
    return { kind: 'usage', message: 'inject needs a file of manifests', hint: 'outrigger inject -f deployment.yaml' };
  }
  if (values.has('uninject')) return { kind: 'inject', file, options: null, flags: null };
  const asked = one('mode') ?? 'native';
  const mode = MODES.find((candidate) => candidate === asked);
  if (mode === undefined) {
    const hint = didYouMean(asked, MODES) ?? `use one of: ${MODES.join(', ')}`;
    return { kind: 'usage', message: `there is no mode "${asked}"`, hint };
  }
  const args: string[] = [];
  for (const name of ['etcd', 'consul', 'path'] as const) {
    for (const value of values.get(name) ?? []) args.push(`--${name}`, value);
  }
  const named = one('config-map');
  // Flags replace the file.
  const configMap = named ?? (args.length > 0 ? null : 'outrigger');
  if (named !== null && args.length > 0) {
    const message = 'inject takes either --config-map or the flags that replace a config';
    return { kind: 'usage', message, hint: 'leave --config-map out, or put the registry into its config' };
  }
  const options = { image: one('image') ?? `outrigger:${version}`, configMap, args, mode };
  return { kind: 'inject', file, options, flags: args.length > 0 ? flags : null };
}
