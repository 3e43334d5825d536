import { HISTOGRAM_SLOTS, LATENCY_BOUNDS } from '../model/counters.ts';
import type { Exemplar } from './exemplars.ts';
import { type Labels, METRICS, type MetricName } from './metric_table.ts';
import type { MetricsView } from './metrics_view.ts';

/** What prom-client's registry prints: `metricName`, the labels, a space and the value. */
export interface Sample {
  /** The series; for Prometheus' format with its labels, and with all the lines before it. */
  readonly metricName: string;
  readonly value: number;
  /** Empty and shared, since they stand in the name already; for OpenMetrics the labels. */
  readonly labels: object;
  readonly sharedLabels: object;
  readonly exemplar?: { readonly labelSet: object; readonly value: number; readonly timestamp: number };
}

/** Reads the shared counters at the moment of the scrape and writes the series of one metric. */
export type Collector<N extends MetricName> = (view: MetricsView, sink: MetricSink<N>) => void | Promise<void>;
export type Collectors = { readonly [N in MetricName]: Collector<N> };

const NO_LABELS = {};
const BOUNDS = [...LATENCY_BOUNDS, '+Inf'].map(String);
const BUCKETS = BOUNDS.map((le) => `le="${le}"`);

/**
 * Takes the series of one metric during one scrape. It writes the lines itself, and gives the registry all of them as the name of one
 * sample: 32,000 lines of 1,000 instances, each an object that is taken apart again, take twice as long, and five times as long the
 * first time.
 */
export class MetricSink<N extends MetricName> {
  readonly #samples: Sample[] = [];
  /** The lines before the last one, each with its line feed. */
  #text = '';
  #series: string | null = null;
  #value = 0;
  readonly #name: N;
  readonly #openMetrics: boolean;

  /** For OpenMetrics the registry itself writes the labels: it has to put exemplars and the suffix of counters in their places. */
  constructor(name: N, openMetrics = false) {
    this.#name = name;
    this.#openMetrics = openMetrics;
  }

  /** A value that is told whatever it is. */
  value(labels: Labels<N>, value: number): void {
    this.#add(labels, value);
  }

  /** A count: what never happened has no series. */
  count(labels: Labels<N>, value: number): void {
    if (value !== 0) this.#add(labels, value);
  }

  /**
   * A histogram as `model/counters.ts` lays it out, read slot by slot; without observations it has no series. `exemplarOf` gives a
   * traced request for a bucket, for scrapers that take them.
   */
  histogram(
    labels: Labels<N>,
    read: (slot: number) => number,
    exemplarOf: (bucket: number) => Exemplar | null = () => null,
  ): void {
    if (this.#openMetrics) return this.#openHistogram(labels, read, exemplarOf);
    let total = 0;
    for (let bucket = 0; bucket < BUCKETS.length; bucket++) total += read(bucket);
    if (total === 0) return;
    const own = labelText(labels);
    const prefix = own === '' ? '' : `${own},`;
    let count = 0;
    for (let bucket = 0; bucket < BUCKETS.length; bucket++) {
      count += read(bucket);
      this.#push('_bucket', prefix + BUCKETS[bucket], count);
    }
    this.#push('_sum', own, read(HISTOGRAM_SLOTS - 1));
    this.#push('_count', own, count);
  }

  #add(labels: Labels<N>, value: number): void {
    if (!this.#openMetrics) return this.#push('', labelText(labels), value);
    const metricName = this.#name.replace(METRICS[this.#name].type === 'counter' ? /_total$/ : /$/, '');
    this.#samples.push({ metricName, value, labels, sharedLabels: NO_LABELS });
  }

  #openHistogram(
    labels: Labels<N>,
    read: (slot: number) => number,
    exemplarOf: (bucket: number) => Exemplar | null,
  ): void {
    const first = this.#samples.length;
    const push = (suffix: string, own: object, value: number, exemplar: Exemplar | null): void => {
      const metricName = `${this.#name}${suffix}`;
      this.#samples.push({ metricName, value, labels: own, sharedLabels: NO_LABELS, ...withExemplar(exemplar) });
    };
    let count = 0;
    for (const [bucket, le] of BOUNDS.entries()) {
      count += read(bucket);
      push('_bucket', { ...labels, le }, count, exemplarOf(bucket));
    }
    if (count === 0) {
      this.#samples.length = first;
      return;
    }
    push('_sum', labels, read(HISTOGRAM_SLOTS - 1), null);
    push('_count', labels, count, null);
  }

  #push(suffix: string, labels: string, value: number): void {
    if (this.#series !== null) this.#text += `${this.#series} ${this.#value}\n`;
    this.#series = `${this.#name}${suffix}${labels === '' ? '' : `{${labels}}`}`;
    this.#value = value;
  }

  /** All that was taken, for the registry. */
  get samples(): readonly Sample[] {
    if (this.#series === null) return this.#samples;
    return [{ metricName: this.#text + this.#series, value: this.#value, labels: NO_LABELS, sharedLabels: NO_LABELS }];
  }
}

function withExemplar(exemplar: Exemplar | null): Pick<Sample, 'exemplar'> {
  if (exemplar === null) return {};
  const { traceId, spanId, value, time } = exemplar;
  return { exemplar: { labelSet: { trace_id: traceId, span_id: spanId }, value, timestamp: time / 1_000 } };
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
