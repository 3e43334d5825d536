import type { Metric, Registry } from 'prom-client';
import { controlCollectors, type ProcessFacts } from './control_metrics.ts';
import { instanceCollectors } from './instance_metrics.ts';
import { type Collectors, MetricSink } from './metric_sink.ts';
import { METRICS, type MetricName } from './metric_table.ts';
import type { MetricsView } from './metrics_view.ts';
import { processCollectors } from './process_metrics.ts';
import { serviceCollectors } from './service_metrics.ts';

/** https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format */
const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** The metrics as a scraper gets them. */
export interface Exposition {
  /** The media type of the text. */
  readonly contentType: string;
  /** Reads the shared counters and writes them in Prometheus' text format. Costs nothing between two calls. */
  text(): Promise<string>;
}

/**
 * prom-client's registry prints. Its counters and histograms are not used: they would hold a second copy of every value, to be
 * brought up to date, and cleared of the instances that left, on every scrape.
 */
export function createExposition(view: MetricsView, facts: ProcessFacts): Exposition {
  const collectors: Collectors = {
    ...serviceCollectors,
    ...instanceCollectors,
    ...controlCollectors(facts),
    ...processCollectors,
  };
  let registry: Promise<Registry> | null = null;
  return {
    contentType: CONTENT_TYPE,
    async text() {
      // Loaded by the first scrape.
      registry ??= openRegistry(collectors, view);
      return (await registry).metrics();
    },
  };
}

async function openRegistry(collectors: Collectors, view: MetricsView): Promise<Registry> {
  const { Registry } = await import('prom-client');
  const registry = new Registry();
  for (const name of Object.keys(METRICS) as MetricName[]) {
    registry.registerMetric(metric(name, collectors, view));
  }
  return registry;
}

/** What the registry asks of a metric: its values when it prints. */
function metric<N extends MetricName>(name: N, collectors: Collectors, view: MetricsView): Metric {
  const { type, help } = METRICS[name];
  const source = {
    name,
    help,
    type,
    async get() {
      const sink = new MetricSink(name);
      await collectors[name](view, sink);
      return { name, help, type, aggregator: 'sum', values: sink.samples };
    },
  };
  // The declared type is that of the package's own classes; its registry reads only `name` and `get`.
  return source as unknown as Metric;
}
