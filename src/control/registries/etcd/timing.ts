/** The durations of the etcd registry, in milliseconds. */
export interface EtcdTiming {
  /** Longest wait for an answer: a list, a login, or the reply that says a watch exists. */
  readonly request: number;
  /** Longest wait of `check` for an answer, the loading of the client included. */
  readonly check: number;
  /** Silence after which the connection is pinged. etcd cuts off clients that ping more often than every 5 s. */
  readonly keepalive: number;
  /** How long a ping may stay unanswered before the connection counts as dead. */
  readonly keepaliveTimeout: number;
  /** Changes that follow each other within this time become one answer; the first of them is told at once. */
  readonly coalesce: number;
}

export const ETCD_TIMING: EtcdTiming = {
  request: 5_000,
  check: 2_000,
  keepalive: 10_000,
  keepaliveTimeout: 3_000,
  coalesce: 20,
};
