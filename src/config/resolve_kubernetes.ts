import { resolve as resolvePath } from 'node:path';
import type { KubernetesOptions } from './kubernetes_options.ts';
import type { RegistryInput } from './schema_registries.ts';

/** A `type: kubernetes` registry; files are relative to `directory`. */
export function resolveKubernetes(
  input: Extract<RegistryInput, { type: 'kubernetes' }>,
  directory: string,
  emptyProtection: number | undefined,
): KubernetesOptions {
  const { type, address, token_file: tokenFile, tls, namespace, version_label: versionLabel } = input;
  const inside = (path: string | undefined) => (path === undefined ? undefined : resolvePath(directory, path));
  return {
    type,
    address: address?.replace(/\/$/, ''),
    tokenFile: inside(tokenFile),
    tls: tls === undefined ? undefined : { ca: inside(tls.ca), cert: inside(tls.cert), key: inside(tls.key) },
    namespace,
    versionLabel,
    emptyProtection,
  };
}
