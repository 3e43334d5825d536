import type { RegistrationHealthOptions } from './health_options.ts';

/** One entry of `register:`: an app that is written into a registry while it is well. */
export interface RegisterOptions {
  readonly service: string;
  /** A key of `registries`, of a type that can be registered in. */
  readonly registry: string;
  /** Where others reach the app: given (`host:port`), or only its port, and the host is the one from which the registry is reached. */
  readonly address:
    | { readonly kind: 'given'; readonly address: string }
    | { readonly kind: 'detected'; readonly port: number };
  readonly version: string | null;
  readonly weight: number;
  readonly zone: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  /** Null: made from service and address, so that an app that comes back takes the place of its own old record. */
  readonly id: string | null;
  /** Where in the registry: for etcd a prefix of keys, for Consul the name of the service. */
  readonly path: string;
  readonly format: string;
  /** How long the record outlives us, in milliseconds; at least 10,000. */
  readonly ttlMs: number;
  /** Null: registered whatever the app's state is. */
  readonly health: RegistrationHealthOptions | null;
  /** Register a loopback address although the registry is on another machine. */
  readonly allowLoopback: boolean;
}
