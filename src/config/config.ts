import type { LogLevel } from '../base/log.ts';
import type { ClientLimits } from '../model/client_limits.ts';
import type { Routing, ServiceSettings } from '../model/service.ts';
import type { SecureListen } from '../model/tls.ts';
import type { ServiceHealthOptions } from './health_options.ts';
import type { AccessLogConfig, TracingConfig } from './observe_options.ts';
import type { RegisterOptions } from './register_options.ts';
import type { RegistryOptions, StaticInstance } from './registry_options.ts';
import type { CertificateFiles, InboundConfig } from './tls_options.ts';

/** A config that is checked, complete and never changes: every default is filled in, durations are milliseconds. */
export interface Config {
  /** The file it came from, as the user named it; null when it came from flags alone. */
  readonly file: string | null;
  /** `host:port` (port 0 lets the system choose), `[v6]:port` or `unix:/path`; none when all listeners speak TLS. */
  readonly listen: readonly string[];
  /** The entries of `listen` that speak TLS. */
  readonly secureListen: readonly SecureListen[];
  readonly inbound: InboundConfig | null;
  /** The files of every `tls` above and of the services. */
  readonly certificates: readonly CertificateFiles[];
  readonly admin: string;
  readonly telemetry: string;
  /** Null: gRPC tools find nothing. */
  readonly adminGrpc: string | null;
  /** Data threads, at least 1. */
  readonly workers: number;
  /** Another process may listen on the same TCP ports at the same time: the one that takes over. */
  readonly reusePort: boolean;
  readonly log: LogConfig;
  readonly accessLog: AccessLogConfig;
  /** Null: nothing is traced. */
  readonly tracing: TracingConfig | null;
  readonly clients: ClientLimits;
  /** How long requests may go on after the signal to stop. */
  readonly drainGraceMs: number;
  readonly registries: ReadonlyMap<string, RegistryOptions>;
  readonly services: ReadonlyMap<string, ServiceConfig>;
  readonly discover: DiscoverConfig | null;
  readonly routing: Routing;
  /** The app beside this sidecar; null where nothing is known. */
  readonly app: { readonly version: string | null; readonly zone: string | null; readonly id: string | null };
  /** By service, the version that the app of this version needs: for requests that name none. */
  readonly needs: ReadonlyMap<string, string>;
  /** What is written into registries while it is well. */
  readonly register: readonly RegisterOptions[];
  /** Where last good sets are kept on disk; null: nowhere. */
  readonly stateDir: string | null;
}

export interface LogConfig {
  readonly level: LogLevel;
  /** `auto`: text when standard error is a terminal, JSON otherwise. */
  readonly format: 'auto' | 'json' | 'text';
}

/** Where one service's instances come from, and how they are used. */
export interface ServiceConfig {
  readonly settings: ServiceSettings;
  /** A key of `registries`; with several `sources` their names, separated by ", ". */
  readonly registry: string;
  /** What to look up there, empty for a static registry; with several sources a text for people. */
  readonly path: string;
  /** At least one, in the order of the config. */
  readonly sources: readonly RegistrySource[];
  readonly registryMode: RegistryMode;
  /** Null: instances are not checked. */
  readonly health: ServiceHealthOptions | null;
  readonly format: string;
  /** For a static registry; empty otherwise. */
  readonly instances: readonly StaticInstance[];
}

/** How names that are met for the first time become services. */
export interface DiscoverConfig {
  /** As in `ServiceConfig`, and the paths hold `{service}` at least once. */
  readonly registry: string;
  readonly path: string;
  readonly sources: readonly RegistrySource[];
  readonly registryMode: RegistryMode;
  readonly health: ServiceHealthOptions | null;
  readonly format: string;
  /** For every discovered service; its `path` is the template. */
  readonly settings: ServiceSettings;
}

/** One registry that instances are looked up in. */
export interface RegistrySource {
  /** A key of `registries`. */
  readonly registry: string;
  /** What to look up there; empty for a static registry. */
  readonly path: string;
}

/**
 * What several registries mean together. `union`: the instances of all, and where several tell of one address the first registry's
 * record is the one. `priority`: those of the first registry that has any.
 */
export type RegistryMode = 'union' | 'priority';
