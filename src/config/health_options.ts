/** How to ask an instance whether it is well. */
export type HealthCheck =
  /** `grpc.health.v1.Health`; `service` is empty for the server as a whole. `watch`: `Watch` besides `Check`, where it is offered. */
  | { readonly kind: 'grpc'; readonly service: string; readonly watch: boolean }
  /** HTTP/1.1 GET; any status from 200 to 399 is well. */
  | { readonly kind: 'http'; readonly path: string }
  /** A TCP connection (or one to a unix socket) can be made. */
  | { readonly kind: 'tcp' };

/** How often to ask, and how many answers it takes to change one's mind. Durations in milliseconds. */
export interface HealthTiming {
  readonly interval: number;
  /** Longest wait for one answer. */
  readonly timeout: number;
  /** Good answers in a row after which a failing instance counts as well again. */
  readonly rise: number;
  /** Bad answers in a row after which it does not. */
  readonly fall: number;
}

/** `health:` of a service: its instances are checked from here. */
export interface ServiceHealthOptions extends HealthTiming {
  readonly check: HealthCheck;
  /** The port to check when it is not the instance's own; null: its own. */
  readonly port: number | null;
  /** Over TLS, with what the service's `tls` says. */
  readonly secure: boolean;
  /** How long an instance that left the registry stays in use while it still passes, in milliseconds; 0: not at all. */
  readonly keep: number;
}

/** `health:` of an entry of `register`: the app is registered only while it passes. */
export interface RegistrationHealthOptions extends HealthTiming {
  readonly check: HealthCheck;
  /** Where to check, `host:port` or `unix:/path`; null: the address that is registered. */
  readonly address: string | null;
}
