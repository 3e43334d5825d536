import type { InstanceConcurrency, OutlierSettings, RequestRules, SlowStart } from './resilience.ts';
import type { UpstreamTls } from './tls.ts';

/** Which instances of a service may serve a request that asks for none, one or several versions. */
export interface VersionRule {
  /** Lower-case header name, `x-version` unless configured. */
  readonly header: string;
  /** The version for requests without the header (an expression like the header's); null means all instances. */
  readonly default: string | null;
  /** What to do when no instance has the version. */
  readonly fallback: Fallback;
  /** What to do when instances have it, but none of them is usable. */
  readonly unhealthyFallback: Fallback;
  /** Requests without the header are shared out by these weights, in place of `default`; null: they are not. */
  readonly weights: readonly VersionWeight[] | null;
  /** Requests that agree in this get the same version from `weights`; null: each is drawn by itself. */
  readonly sticky: HashSource | null;
}

/** An error, any instance, or these versions in order. */
export type Fallback = 'none' | 'any' | readonly string[];

export interface VersionWeight {
  readonly version: string;
  /** At least 0. */
  readonly weight: number;
}

/** What of a request is hashed. Names in lower case; `source` is the address that the client connects from. */
export type HashSource =
  | { readonly kind: 'header' | 'cookie'; readonly name: string }
  | { readonly kind: 'path' | 'source' };

/** Copies of some requests go to another version, whose answers nobody sees. */
export interface MirrorRule {
  readonly version: string;
  /** Share of the requests, from 0 to 1. */
  readonly share: number;
}

/** Instances of the sidecar's own zone are preferred, as long as at least this share of them (0 to 1) is usable. */
export interface ZonePreference {
  readonly prefer: number;
}

/** A header works like the version's: only instances whose label has its value. */
export interface LabelRule {
  /** Lower-case header name. */
  readonly header: string;
  /** `zone`, or a key of the instance's metadata. */
  readonly label: string;
  /** What to do when nobody has the value: an error, or as if the header were not there. */
  readonly fallback: 'none' | 'any';
}

/** Bounds per service and data thread; beyond them requests fail at once with `overloaded`. */
export interface Limits {
  /** Requests in flight, the waiting ones included. */
  readonly requests: number;
  /** Requests that wait for an instance, a connection or a free stream. */
  readonly pending: number;
  /** How long a request waits at most, in milliseconds. */
  readonly pendingTimeout: number;
  /** With HTTP/1.1 also the requests that an instance has at once. */
  readonly connectionsPerInstance: number;
  /** Null: no bound but the streams that the instance allows. */
  readonly instanceConcurrency: InstanceConcurrency | null;
}

/** What the instances of a service speak. */
export const PROTOCOLS = ['h2', 'http/1.1'] as const;
export type Protocol = (typeof PROTOCOLS)[number];

/** All that a data thread must know of a service besides its instances. */
export interface ServiceSettings extends RequestRules {
  readonly protocol: Protocol;
  readonly version: VersionRule;
  readonly matches: readonly LabelRule[];
  /** Which labels to insist on, in order, until somebody is found; empty: all, and then without those that may be dropped, last first. */
  readonly matchOrder: readonly (readonly string[])[];
  /** Null: nothing is mirrored. */
  readonly mirror: MirrorRule | null;
  /** Null: zones do not matter. */
  readonly zone: ZonePreference | null;
  /** To so many instances of each version this sidecar connects; null: to all. */
  readonly subset: number | null;
  /** What policies that hash go by; null: requests are spread by chance. */
  readonly hashOn: HashSource | null;
  readonly limits: Limits;
  /** Rules for single methods, by request path: in place of the service's own. */
  readonly methods: Readonly<Record<string, RequestRules>>;
  /** Null: instances are not judged by their answers. */
  readonly outlier: OutlierSettings | null;
  /** Below this share of usable instances (0 to 1) those that are out are used as well: better a bad one than an overload of the rest. */
  readonly panicThreshold: number;
  readonly slowStart: SlowStart | null;
  /** A connection is replaced when it is this old (times 0.9 to 1.1), in milliseconds; null: never. */
  readonly maxConnectionAge: number | null;
  /** Null or left out: plain HTTP/2. */
  readonly tls?: UpstreamTls | null;
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
