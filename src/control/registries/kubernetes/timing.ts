/** The durations of the kubernetes registry, in milliseconds. */
export interface KubernetesTiming {
  /** Longest wait for an answer: a page of a list, or the head of the answer that says a watch exists. */
  readonly request: number;
  /** Longest wait of `check` for an answer. */
  readonly check: number;
  /** How long the API server may keep a watch open: between this and twice as long, so that not all end together. */
  readonly watch: number;
  /**
   * Silence after which a watch is opened anew. API servers send a bookmark about once a minute, so one that is silent for longer
   * may be frozen, or gone behind a load balancer that forgot to say so.
   */
  readonly silence: number;
  /** Changes that follow each other within this time become one answer; the first of them is told at once. */
  readonly coalesce: number;
}

export const KUBERNETES_TIMING: KubernetesTiming = {
  request: 10_000,
  check: 2_000,
  watch: 300_000,
  silence: 90_000,
  coalesce: 20,
};
