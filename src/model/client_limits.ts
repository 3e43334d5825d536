/** What apps may do before their connections are ended: the part of the engine's limits (`http2/limits.ts`) that the config sets. */
export interface ClientLimits {
  /** Connections open at once in one data thread; those beyond it are closed as they come. */
  readonly connections: number;
  /** How long the preface with SETTINGS, and later each header block, may take to arrive whole, in milliseconds. */
  readonly headerTimeout: number;
  /** How long a connection may be without a request before it ends in order, in milliseconds; null: as long as it likes. */
  readonly idleTimeout: number | null;
  /** How long an app may take nothing of what waits for it, in milliseconds; null: as long as it likes while there is room. */
  readonly stallTimeout: number | null;
}
