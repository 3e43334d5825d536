import type { AccessLogMode } from '../model/observation.ts';

/** Lines about single requests. */
export interface AccessLogConfig {
  readonly mode: AccessLogMode;
  /** From 0 to 1; only for `sampled`. */
  readonly sample: number;
  readonly format: 'json' | 'text';
  /** An absolute path; null: standard output. */
  readonly file: string | null;
}

/** Spans for requests and attempts. */
export interface TracingConfig {
  /** Base URL of a collector's OTLP receiver over HTTP. */
  readonly otlp: string;
  /** From 0 to 1. */
  readonly sample: number;
  readonly serviceName: string;
}
