import type { LogFields, LogLevel } from '../base/log.ts';
import type { PolicyModule } from './balancing.ts';
import type { ClientLimits } from './client_limits.ts';
import type { Range } from './counters.ts';
import type { ExplainRequest, Explanation } from './explain.ts';
import type { Instance } from './instance.ts';
import type { ObserveSettings, TraceRecord } from './observation.ts';
import type { RequestBatch } from './request_batch.ts';
import type { Routing, ServiceSettings } from './service.ts';
import type { SecureListen, TlsMaterial, TlsStart } from './tls.ts';

/** An instance as a data thread gets it: the record, and where its counters stand. */
export interface EndpointRecord extends Instance {
  readonly counters: Range;
  /** False while an active check fails: requests go elsewhere. Absent when nobody checks. */
  readonly healthy?: boolean;
  /** Why it is not healthy, as the check says it; absent while it is. */
  readonly unhealthyReason?: string;
}

/** What an active check says of one instance. */
export interface HealthReport {
  readonly healthy: boolean;
  readonly unhealthyReason?: string;
}

/** A range per version of the service; the key `''` counts answers without an instance. */
export type VersionRanges = Readonly<Record<string, Range>>;

/**
 * What changed about one service. The first one of a service has `full: true`; later ones carry only what changed, so that one
 * instance among 10,000 costs a message of one. Messages to a thread arrive in order and none is lost.
 */
export interface ServiceSnapshot {
  readonly name: string;
  readonly settings: ServiceSettings;
  readonly counters: Range;
  /** Ranges of all versions that are in the set after this change. */
  readonly versions: VersionRanges;
  /** True: `upsert` is the whole set. */
  readonly full: boolean;
  readonly upsert: readonly EndpointRecord[];
  /** Addresses that left. */
  readonly remove: readonly string[];
  /** False until the registry has answered once: requests wait for it (bounded) instead of failing. */
  readonly known: boolean;
  /** When the registry last confirmed the set, in epoch milliseconds; 0 if never. */
  readonly updatedAt: number;
  /** What is wrong with the registry, for messages; null when it answers. */
  readonly trouble: string | null;
}

/** What can happen to an instance in a data thread: `lost` is a connection that ended and is made anew, `unreachable` one that cannot be. */
export type EndpointTurn = 'ejected' | 'lost' | 'unreachable' | 'back';

export interface EndpointTurnEvent {
  readonly turn: EndpointTurn;
  readonly service: string;
  readonly address: string;
  /** Why; empty when there is nothing to say. */
  readonly detail: string;
}

/** Control plane to data thread. */
export type ToDataThread =
  | { readonly kind: 'segment'; readonly segment: SharedArrayBuffer }
  | { readonly kind: 'service'; readonly snapshot: ServiceSnapshot }
  /** `why` is the message of the error that requests for it get. */
  | { readonly kind: 'service_gone'; readonly name: string; readonly why: string }
  /** `discoverSettings` as in `DataThreadStart`. */
  | { readonly kind: 'routing'; readonly routing: Routing; readonly discoverSettings: ServiceSettings | null }
  /** Certificates that are new or have changed: for new connections. Comes before the first service that needs them. */
  | { readonly kind: 'tls_material'; readonly material: TlsMaterial }
  /** Nothing uses the certificates of this id any more. */
  | { readonly kind: 'tls_gone'; readonly id: string }
  /** As `TlsStart.ticketSecret`: tickets made with the one before are not taken any more. */
  | { readonly kind: 'ticket_secret'; readonly secret: Uint8Array }
  /** A policy of the user's own is to be loaded, or has changed. */
  | { readonly kind: 'policy_module'; readonly module: PolicyModule }
  /** What would become of a request; answered by `explained` with the same id. */
  | { readonly kind: 'explain'; readonly id: number; readonly request: ExplainRequest }
  /** Which requests somebody wants to hear of, from now on. */
  | { readonly kind: 'observe'; readonly settings: ObserveSettings }
  /** A message `requests` has been taken. */
  | { readonly kind: 'requests_taken' }
  /** Stop accepting, GOAWAY, let streams finish for `graceMs`, close, answer `drained`. */
  | { readonly kind: 'drain'; readonly graceMs: number };

/** Data thread to control plane: rare events, and requests where somebody asked for them. */
export type FromDataThread =
  /** `secure`: the addresses of `DataThreadStart.secure`, in their order. */
  | { readonly kind: 'listening'; readonly addresses: readonly string[]; readonly secure?: readonly string[] }
  | { readonly kind: 'listen_failed'; readonly address: string; readonly code: string; readonly message: string }
  /** A request named a service that no snapshot has told of, and `routing.discover` is on. Sent once per name until answered. */
  | { readonly kind: 'wanted'; readonly service: string }
  /** No connection and no request uses the counters of this endpoint any more. */
  | { readonly kind: 'endpoint_gone'; readonly service: string; readonly address: string; readonly counters: Range }
  /** Why an instance cannot be connected to, when that is news; null when it can be again. */
  | {
      readonly kind: 'endpoint_error';
      readonly service: string;
      readonly address: string;
      readonly error: string | null;
    }
  /** `turn`: what it tells of an instance, for those who keep a journal. */
  | {
      readonly kind: 'log';
      readonly level: LogLevel;
      readonly message: string;
      readonly fields: LogFields;
      readonly turn?: EndpointTurnEvent;
    }
  /** Requests that ended, of those that somebody wants to hear of; answered by `requests_taken`. `dropped`: those that are missing. */
  | {
      readonly kind: 'requests';
      readonly batch: RequestBatch;
      readonly traces: readonly TraceRecord[];
      readonly dropped: number;
    }
  | { readonly kind: 'explained'; readonly id: number; readonly explanation: Explanation }
  | { readonly kind: 'drained' };

/** What a data thread is started with: the first message that it gets. */
export interface DataThreadStart {
  readonly index: number;
  /** `host:port` (port 0 picks one) or `unix:/path`. */
  readonly listen: readonly string[];
  /** Listeners that speak TLS; none when left out. */
  readonly secure?: readonly SecureListen[];
  /** Left out when nothing speaks TLS; a reload may bring certificates for services later. */
  readonly tls?: TlsStart;
  /** Several threads share each TCP port. */
  readonly reusePort: boolean;
  readonly clients?: ClientLimits;
  /** Nobody wants to hear of requests when left out. */
  readonly observe?: ObserveSettings;
  readonly segments: readonly SharedArrayBuffer[];
  readonly routing: Routing;
  /** Settings of services that are not in the config, while their registry is being asked; null without `discover`. */
  readonly discoverSettings: ServiceSettings | null;
  readonly services: readonly ServiceSnapshot[];
  /** Where this sidecar runs, for services that prefer their zone; nowhere in particular when left out. */
  readonly zone?: string | null;
  /** The policies of the user's own; none when left out. */
  readonly policyModules?: readonly PolicyModule[];
}
