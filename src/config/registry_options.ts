import type { ConsulConsistency, ConsulHealth } from './consul_path.ts';
import type { DnsOptions } from './dns_options.ts';
import type { EurekaOptions } from './eureka_options.ts';
import type { KubernetesOptions } from './kubernetes_options.ts';
import type { ZookeeperOptions } from './zookeeper_options.ts';

export type { EurekaOptions, ZookeeperOptions };

/** Certificates for a TLS connection to a registry: paths of PEM files. */
export interface RegistryTls {
  /** Who may sign the server's certificate; the system's roots when left out. */
  readonly ca?: string | undefined;
  /** Client certificate and its key: both or neither. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/** One entry of `registries:` with `type: etcd`. */
export interface EtcdOptions {
  readonly type: 'etcd';
  /** At least one `http://host:port` or `https://host:port`, all of one scheme. */
  readonly endpoints: readonly string[];
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly tls?: RegistryTls | undefined;
  /** Longest wait for one answer, in milliseconds; 5,000 when left out. */
  readonly timeout?: number | undefined;
  /** How long an empty answer after a non-empty one is doubted, in milliseconds; 0 or left out: believed at once. */
  readonly emptyProtection?: number | undefined;
}

/** One entry of `registries:` with `type: consul`. */
export interface ConsulOptions {
  readonly type: 'consul';
  /** `http://host:port` or `https://host:port`. */
  readonly address: string;
  readonly token?: string | undefined;
  /** Read before each question; takes the place of `token`. */
  readonly tokenFile?: string | undefined;
  /** Where to look when the path does not say it. */
  readonly datacenter?: string | undefined;
  readonly namespace?: string | undefined;
  readonly partition?: string | undefined;
  readonly health: ConsulHealth;
  readonly consistency: ConsulConsistency;
  /** How long Consul may hold a question, in milliseconds; 5 minutes when left out. */
  readonly wait?: number | undefined;
  readonly tls?: (RegistryTls & { readonly serverName?: string | undefined }) | undefined;
  /** As in `EtcdOptions`. */
  readonly emptyProtection?: number | undefined;
}

/** One entry of `registries:` with `type: file`. */
export interface FileOptions {
  readonly type: 'file';
  /** A YAML or JSON file, or a directory of them; relative to the working directory. */
  readonly path: string;
  /** As in `EtcdOptions`. */
  readonly emptyProtection?: number | undefined;
}

/** One entry of `registries:` with `type: static`: the instances stand in the services. */
export interface StaticOptions {
  readonly type: 'static';
}

export type RegistryOptions =
  | EtcdOptions
  | ConsulOptions
  | FileOptions
  | StaticOptions
  | DnsOptions
  | KubernetesOptions
  | ZookeeperOptions
  | EurekaOptions;

/** One entry of `instances:` in a service of a static registry, or in a file. */
export interface StaticInstance {
  readonly address: string;
  readonly version?: string | null | undefined;
  readonly weight?: number | undefined;
  readonly zone?: string | null | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}
