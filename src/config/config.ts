import type { LogLevel } from '../base/log.ts';
import type { Routing, ServiceSettings } from '../model/service.ts';
import type { RegistryOptions, StaticInstance } from './registry_options.ts';

/** A config that is checked, complete and never changes: every default is filled in, durations are milliseconds. */
export interface Config {
  /** The file it came from, as the user named it; null when it came from flags alone. */
  readonly file: string | null;
  /** `host:port` (port 0 lets the system choose), `[v6]:port` or `unix:/path`; at least one. */
  readonly listen: readonly string[];
  readonly admin: string;
  readonly telemetry: string;
  /** Data threads, at least 1. */
  readonly workers: number;
  readonly log: LogConfig;
  /** How long requests may go on after the signal to stop. */
  readonly drainGraceMs: number;
  readonly registries: ReadonlyMap<string, RegistryOptions>;
  readonly services: ReadonlyMap<string, ServiceConfig>;
  readonly discover: DiscoverConfig | null;
  readonly routing: Routing;
}

export interface LogConfig {
  readonly level: LogLevel;
  /** `auto`: text when standard error is a terminal, JSON otherwise. */
  readonly format: 'auto' | 'json' | 'text';
}

/** Where one service's instances come from, and how they are used. */
export interface ServiceConfig {
  readonly settings: ServiceSettings;
  /** A key of `registries`. */
  readonly registry: string;
  /** What to look up there; empty for a static registry. */
  readonly path: string;
  readonly format: string;
  /** For a static registry; empty otherwise. */
  readonly instances: readonly StaticInstance[];
}

/** How names that are met for the first time become services. */
export interface DiscoverConfig {
  readonly registry: string;
  /** Holds `{service}` at least once. */
  readonly path: string;
  readonly format: string;
  /** For every discovered service; its `path` is the template. */
  readonly settings: ServiceSettings;
}
