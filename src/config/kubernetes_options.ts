import type { RegistryTls } from './registry_options.ts';

/** One entry of `registries:` with `type: kubernetes`. */
export interface KubernetesOptions {
  readonly type: 'kubernetes';
  /** `http://host:port` or `https://host:port`; undefined: the API server of the cluster that this runs in. */
  readonly address?: string | undefined;
  /** File with the bearer token; undefined: the service account's without `address`, none with it. */
  readonly tokenFile?: string | undefined;
  readonly tls?: RegistryTls | undefined;
  /** For paths that name none; undefined: the pod's own, or `default`. */
  readonly namespace?: string | undefined;
  /** The label of an EndpointSlice that holds the version. */
  readonly versionLabel: string;
  /** As in `EtcdOptions`. */
  readonly emptyProtection?: number | undefined;
}
