/** Which instances of a service may serve a request that asks for none, one or several versions. */
export interface VersionRule {
  /** Lower-case header name, `x-version` unless configured. */
  readonly header: string;
  /** The version for requests without the header; null means all instances. */
  readonly default: string | null;
  /** What to do when no instance has the version: an error, any instance, or these versions in order. */
  readonly fallback: 'none' | 'any' | readonly string[];
}

/** Bounds per service and data thread; beyond them requests fail at once with `overloaded`. */
export interface Limits {
  /** Requests in flight, the waiting ones included. */
  readonly requests: number;
  /** Requests that wait for an instance, a connection or a free stream. */
  readonly pending: number;
  readonly connectionsPerInstance: number;
}

export type BalancePolicy = 'round_robin' | 'random';
export const BALANCE_POLICIES = ['round_robin', 'random'] as const satisfies readonly BalancePolicy[];

/** All that a data thread must know of a service besides its instances. */
export interface ServiceSettings {
  readonly balance: BalancePolicy;
  readonly version: VersionRule;
  readonly limits: Limits;
  /** Longest time from the request's arrival to its answer, in milliseconds; null means only the client's own deadline. */
  readonly timeout: number | null;
  /** For error messages: the registry's name and the path looked up in it. */
  readonly registry: string;
  readonly path: string;
}

/** A request whose path starts with `path` (and whose authority's host is `host`, if given) is for `service`. First match wins. */
export interface Route {
  readonly path: string;
  readonly host: string | null;
  readonly service: string;
}

/** The naming rules of `docs`: routes, then authority, then discovery, then the default. */
export interface Routing {
  readonly routes: readonly Route[];
  /** True when names met for the first time are looked up in a registry. */
  readonly discover: boolean;
  readonly defaultService: string | null;
}
