import { HISTOGRAM_SLOTS, LATENCY_BOUNDS } from '../model/counters.ts';
import type { Exemplar } from './exemplars.ts';
import { type Labels, METRICS, type MetricName } from './metric_table.ts';
import type { MetricsView } from './metrics_view.ts';

/** What prom-client's registry prints: `metricName`, the labels, a space and the value. */
export interface Sample {
  /** The series, with all the lines before it. */
  readonly metricName: string;
  readonly value: number;
  readonly labels: object;
  readonly sharedLabels: object;
}

/** Reads the shared counters at the moment of the scrape and writes the series of one metric. */
export type Collector<N extends MetricName> = (view: MetricsView, sink: MetricSink<N>) => void | Promise<void>;
export type Collectors = { readonly [N in MetricName]: Collector<N> };

const NO_LABELS = {};
const BUCKETS = [...LATENCY_BOUNDS, '+Inf'].map((le) => `le="${le}"`);

/**
 * Takes the series of one metric during one scrape. It writes the lines itself, and gives the registry all of them but the last as a
 * part of the name of the last: 32,000 lines of 1,000 instances, each an object that is taken apart again, take half as long again.
 */
export class MetricSink<N extends MetricName> {
  /** The lines before the last one, each with its line feed. */
  #text = '';
  /** The last one, and what it was made of: that one the registry writes. */
  #line = '';
  #suffix = '';
  #labels: object = NO_LABELS;
  #value = 0;
  readonly #name: N;
  readonly #openMetrics: boolean;
  /** How the registry, which knows where OpenMetrics wants the suffix of counters, is told the name. */
  readonly #family: string;

  constructor(name: N, openMetrics = false) {
    this.#name = name;
    this.#openMetrics = openMetrics;
    this.#family = openMetrics ? familyOf(name) : name;
  }

  /** A value that is told whatever it is. */
  value(labels: Labels<N>, value: number): void {
    this.#push('', labels, labelText(labels), value);
  }

  /** A count: what never happened has no series. */
  count(labels: Labels<N>, value: number): void {
    if (value !== 0) this.#push('', labels, labelText(labels), value);
  }

  /**
   * A histogram as `model/counters.ts` lays it out, read slot by slot; without observations it has no series. `exemplarOf` gives a
   * traced request for a bucket, for scrapers that take them.
   */
  histogram(
    labels: Labels<N>,
    read: (slot: number) => number,
    exemplarOf: ((bucket: number) => Exemplar | null) | null = null,
  ): void {
    let total = 0;
    for (let bucket = 0; bucket < BUCKETS.length; bucket++) total += read(bucket);
    if (total === 0) return;
    const own = labelText(labels);
    const prefix = own === '' ? '' : `${own},`;
    let count = 0;
    for (let bucket = 0; bucket < BUCKETS.length; bucket++) {
      count += read(bucket);
      const exemplar = this.#openMetrics ? (exemplarOf?.(bucket) ?? null) : null;
      this.#push('_bucket', labels, prefix + BUCKETS[bucket], count, exemplar);
    }
    this.#push('_sum', labels, own, read(HISTOGRAM_SLOTS - 1));
    this.#push('_count', labels, own, count);
  }

  /** `text` is that of the labels; a line that may be the last has no others than `labels`, and no exemplar. */
  #push(suffix: string, labels: object, text: string, value: number, exemplar: Exemplar | null = null): void {
    this.#text += this.#line;
    const series = text === '' ? this.#name + suffix : `${this.#name}${suffix}{${text}}`;
    this.#line = `${series} ${value}${exemplar === null ? '' : exemplarText(exemplar)}\n`;
    this.#suffix = suffix;
    this.#labels = labels;
    this.#value = value;
  }

  /** All that was taken, for the registry. */
  get samples(): readonly Sample[] {
    if (this.#line === '') return [];
    const metricName = this.#text + this.#family + this.#suffix;
    return [{ metricName, value: this.#value, labels: this.#labels, sharedLabels: NO_LABELS }];
  }
}

/** What OpenMetrics calls a metric in HELP and TYPE: for a counter, the name without the suffix that its samples have. */
export function familyOf(name: MetricName): string {
  return METRICS[name].type === 'counter' ? name.replace(/_total$/, '') : name;
}

/** https://prometheus.io/docs/specs/om/open_metrics_spec/#exemplars */
function exemplarText({ traceId, spanId, value, time }: Exemplar): string {
  return ` # {${labelText({ trace_id: traceId, span_id: spanId })}} ${value} ${time / 1_000}`;
}

function labelText(labels: Readonly<Record<string, string>>): string {
  let text = '';
  for (const name in labels) text += `${text === '' ? '' : ','}${name}="${escaped(labels[name] as string)}"`;
  return text;
}

/** https://prometheus.io/docs/instrumenting/exposition_formats/: backslash, quote and line feed are escaped in label values. */
function escaped(value: string): string {
  if (!/[\\"\n]/.test(value)) return value;
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
