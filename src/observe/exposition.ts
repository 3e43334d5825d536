import { createRequire } from 'node:module';
import type { Metric, Registry } from 'prom-client';
import { controlCollectors, type ProcessFacts } from './control_metrics.ts';
import { instanceCollectors } from './instance_metrics.ts';
import { type Collectors, familyOf, MetricSink } from './metric_sink.ts';
import { METRICS, type MetricName } from './metric_table.ts';
import type { MetricsView } from './metrics_view.ts';
import { processCollectors } from './process_metrics.ts';
import { serviceCollectors } from './service_metrics.ts';

/** https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format */
const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** https://prometheus.io/docs/specs/om/open_metrics_spec/ */
const OPEN_METRICS = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

/** One format of the metrics. */
export interface ExpositionFormat {
  /** The media type of the text. */
  readonly contentType: string;
  /** Reads the shared counters and writes them down. Costs nothing between two calls. */
  text(): Promise<string>;
}

/** The metrics as a scraper gets them: in Prometheus' text format, and in that of OpenMetrics, with an exemplar where there is a trace. */
export interface Exposition extends ExpositionFormat {
  readonly openMetrics: ExpositionFormat;
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
  const format = (contentType: typeof CONTENT_TYPE | typeof OPEN_METRICS): ExpositionFormat => {
    let registry: Registry | null = null;
    return {
      contentType,
      async text() {
        // Loaded by the first scrape.
        registry ??= openRegistry(collectors, view, contentType);
        return registry.metrics();
      },
    };
  };
  return { ...format(CONTENT_TYPE), openMetrics: format(OPEN_METRICS) };
}

function openRegistry(
  collectors: Collectors,
  view: MetricsView,
  contentType: typeof CONTENT_TYPE | typeof OPEN_METRICS,
): Registry {
  // The registry alone: the whole package takes a tenth of a second to load, and nothing else of it is used.
  const Registry = createRequire(import.meta.url)('prom-client/lib/registry.js') as new (type: string) => Registry;
  const registry = new Registry(contentType);
  for (const name of Object.keys(METRICS) as MetricName[]) {
    registry.registerMetric(metric(name, collectors, view, contentType === OPEN_METRICS));
  }
  return registry;
}

/** What the registry asks of a metric: its values when it prints. */
function metric<N extends MetricName>(
  name: N,
  collectors: Collectors,
  view: MetricsView,
  openMetrics: boolean,
): Metric {
  const { type, help } = METRICS[name];
  const source = {
    name,
    help,
    type,
    async get() {
      const sink = new MetricSink(name, openMetrics);
      await collectors[name](view, sink);
      return { name: openMetrics ? familyOf(name) : name, help, type, aggregator: 'sum', values: sink.samples };
    },
  };
  // The declared type is that of the package's own classes; its registry reads only `name` and `get`.
  return source as unknown as Metric;
}
