import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { METRICS } from '../../src/observe/metric_table.ts';
import { connectEcho } from '../support/echo_client.ts';
import { eventually, PATIENCE } from '../support/eventually.ts';
import { freePort } from '../support/free_port.ts';
import { startGrpcServer } from '../support/grpc_server.ts';
import { PATIENCE_MS, startProcess } from '../support/process.ts';
import { serialTestWith } from '../support/requires.ts';
import { startSidecar, temporaryDirectory } from '../support/sidecar.ts';

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}

const dashboard = JSON.parse(readFileSync(new URL('../../deploy/grafana/outrigger.json', import.meta.url), 'utf8')) as {
  readonly schemaVersion: number;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly definition?: string }[] };
};
const panels = dashboard.panels.filter(({ type }) => type !== 'row');
const queries = panels.flatMap(({ title, targets = [] }) => targets.map((target) => ({ title, ...target })));

/** What Prometheus itself puts on every series; ours of that name it calls `exported_instance`. */
const TARGET_LABELS = ['instance', 'job'];

/** The labels that a series of a metric has once it was scraped. */
function scrapedLabels(metric: string): readonly string[] {
  const name = metric.replace(/_(bucket|sum|count)$/, '');
  const base = Object.hasOwn(METRICS, metric) ? metric : name;
  if (!Object.hasOwn(METRICS, base)) return [];
  const { labels } = METRICS[base as keyof typeof METRICS];
  return [...labels.map((label) => (label === 'instance' ? 'exported_instance' : label)), 'le', ...TARGET_LABELS];
}

const metricsIn = (expr: string): string[] => [
  ...new Set([...expr.matchAll(/\b(?:outrigger|process)_[a-z_]+/g)].map(([name]) => name)),
];

test('every metric of the dashboard exists, and has every label that it is asked for', (t) => {
  t.true(queries.length >= 30);
  for (const { title, expr, legendFormat } of queries) {
    const metrics = metricsIn(expr);
    t.true(metrics.length > 0, title);
    for (const metric of metrics) t.not(scrapedLabels(metric).length, 0, `${title}: there is no ${metric}`);
    for (const [, metric = '', matchers = ''] of expr.matchAll(/\b((?:outrigger|process)_[a-z_]+)\{([^}]*)\}/g)) {
      for (const [, label = ''] of matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)) {
        t.true(scrapedLabels(metric).includes(label), `${title}: ${metric} has no label ${label}`);
      }
    }
    // What it is summed by, joined on and called by must be a label of each metric in it, or of the one that the sum is of.
    const known = new Set(metrics.flatMap((metric) => scrapedLabels(metric)));
    for (const [, by = ''] of expr.matchAll(/\b(?:by|on|without) \(([^)]*)\)/g)) {
      for (const label of by.split(',').map((word) => word.trim())) t.true(known.has(label), `${title}: by ${label}`);
    }
    for (const [, label = ''] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) {
      t.true(known.has(label), `${title}: legend ${label}`);
      const grouped = [...expr.matchAll(/\bby \(([^)]*)\)/g)].map(([, by = '']) => by.split(/,\s*/));
      const isKept = grouped.length === 0 || grouped.some((labels) => labels.includes(label));
      t.true(isKept, `${title}: the legend shows ${label}, which the expression drops`);
    }
  }
});

test('the dashboard shows every metric there is', (t) => {
  const shown = new Set(
    queries.flatMap(({ expr }) => metricsIn(expr)).map((name) => name.replace(/_(bucket|sum|count)$/, '')),
  );
  for (const metric of Object.keys(METRICS)) t.true(shown.has(metric), metric);
});

test('panels have ids of their own, a place of their own, and fit into the grid', (t) => {
  t.true(dashboard.schemaVersion >= 36);
  t.is(new Set(dashboard.panels.map(({ id }) => id)).size, dashboard.panels.length);
  const taken = new Map<string, string>();
  for (const { title, gridPos } of dashboard.panels) {
    t.true(gridPos.x + gridPos.w <= 24, title);
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        t.is(taken.get(`${x},${y}`), undefined, `${title} is where another panel is`);
        taken.set(`${x},${y}`, title);
      }
    }
  }
});

test('the data source, the service and the sidecar can be chosen', (t) => {
  const names = dashboard.templating.list.map(({ name }) => name);
  t.deepEqual(names, ['datasource', 'service', 'sidecar']);
  for (const { definition } of dashboard.templating.list.slice(1)) {
    const [, metric = '', label = ''] = /^label_values\((\w+), (\w+)\)$/.exec(definition ?? '') ?? [];
    t.true(scrapedLabels(metric).includes(label), definition);
  }
  for (const { title, expr } of queries) {
    for (const [, name = ''] of expr.matchAll(/\$(\w+)/g)) {
      t.true(names.includes(name) || name === '__rate_interval', `${title}: $${name}`);
    }
  }
});

/** Panels that stay empty while all is well, and while nothing of their kind is configured. */
const MAY_BE_EMPTY = new Set([
  'Retries and hedges',
  'Ejections',
  'Faults of own policies',
  'Registrations of the app',
  'Time until certificates expire',
  'Protocol errors',
  'TLS failures and reloads',
  'Records dropped',
  'Registry updates and errors',
]);

serialTestWith('prometheus')(
  'a real Prometheus answers every query of the dashboard, and with data where there is some',
  async (t) => {
    const servers = [
      await startGrpcServer({ name: 'a', version: 'v1' }),
      await startGrpcServer({ name: 'b', version: 'v2' }),
    ];
    const sidecar = await startSidecar({
      registries: { here: { type: 'static' } },
      services: { echo: { instances: servers.map(({ address, version }) => ({ address, version })) } },
    });
    const directory = temporaryDirectory();
    const port = await freePort();
    writeFileSync(
      join(directory, 'prometheus.yml'),
      JSON.stringify({
        global: { scrape_interval: '1s', scrape_timeout: '1s' },
        scrape_configs: [{ job_name: 'outrigger', static_configs: [{ targets: [new URL(sidecar.telemetry).host] }] }],
      }),
    );
    const prometheus = startProcess('prometheus', [
      `--config.file=${join(directory, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(directory, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ]);
    const client = connectEcho(sidecar.address);
    const traffic = async () => {
      for (let i = 0; i < 5; i++) await client.unary('x');
      await client.unary('x', { metadata: [['echo-status', '14']] });
      await client.unary('x', { metadata: [['x-version', 'v9']] });
    };
    /** How many series a query has now; throws when Prometheus refuses it. */
    const ask = async (expr: string): Promise<number> => {
      const query = expr.replaceAll('$__rate_interval', '1m').replaceAll(/\$(service|sidecar)/g, '.*');
      const url = `http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(query)}`;
      const response = await fetch(url, { signal: AbortSignal.timeout(PATIENCE_MS) });
      const body = (await response.json()) as { status: string; error?: string; data?: { result: unknown[] } };
      if (body.status !== 'success') throw new Error(`${expr}: ${body.error}`);
      return body.data?.result.length ?? 0;
    };
    try {
      await sidecar.untilReady('echo', 2);
      // A rate takes two scrapes that saw the series: calls go on until there is one.
      await eventually(async () => {
        await traffic();
        return (await ask('rate(outrigger_rejected_total[1m]) > 0')) > 0;
      }, 3 * PATIENCE);
      for (const { title, expr, legendFormat } of queries) {
        const series = await ask(expr);
        if (!MAY_BE_EMPTY.has(title)) t.true(series > 0, `${title} (${legendFormat}) is empty: ${expr}`);
      }
      t.is(
        await ask('sum by (exported_instance) (outrigger_upstream_requests_total{result="ok"})'),
        2,
        'one for each instance',
      );
    } finally {
      client.close();
      await prometheus.kill();
      await sidecar.kill();
      for (const server of servers) server.stop();
    }
  },
);
