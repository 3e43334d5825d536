/** What an attempt says of the instance's health; `unknown` when the client or the sidecar ended it, or it was refused unread. */
export type Verdict = 'well' | 'failed' | 'unknown';

/** What a service's outlier detection has seen of one instance. */
export class PassiveHealth {
  /** Failures since the last success. */
  consecutive = 0;
  /** Since the last sweep. */
  successes = 0;
  failures = 0;
  /** Times it was left out, less one for each quiet interval since: the next time lasts so much longer. */
  ejections = 0;
  /** On the turn clock; 0 while it is not left out. */
  ejectedUntil = 0;
  /** After its time out, one real request has to show that it is well. */
  probe: 'none' | 'due' | 'running' = 'none';
  /** Since when it runs, on the turn clock. */
  probedAt = 0;

  get ejected(): boolean {
    return this.ejectedUntil !== 0;
  }

  /** The instance is as good as new. */
  reset(): void {
    this.consecutive = 0;
    this.successes = 0;
    this.failures = 0;
    this.ejectedUntil = 0;
    this.probe = 'none';
  }
}
