import type { Log } from '../base/log.ts';
import type { Exposition } from '../observe/exposition.ts';
import { acceptsGzip } from './accept_encoding.ts';
import type { Readiness } from './admin_view.ts';
import { compress } from './compress.ts';
import { type HttpServer, startHttpServer } from './http_server.ts';
import { type AdminRequest, type Answer, json, type Route, text } from './router.ts';

export interface TelemetryOptions {
  /** Usually `0.0.0.0:15020`: scrapers and probes come from elsewhere, so nothing here tells or changes more. */
  readonly listen: string;
  readonly reusePort?: boolean;
  readonly metrics: Exposition;
  readonly readiness: () => Readiness;
  readonly log: Log;
}

/** Starts the server of `/metrics`, `/ready` and `/live`. Rejects with an OutriggerError (`listen_failed`). */
export function startTelemetryServer({
  listen,
  reusePort,
  metrics,
  readiness,
  log,
}: TelemetryOptions): Promise<HttpServer> {
  const routes: readonly Route[] = [
    {
      method: 'GET',
      path: '/metrics',
      about: 'metrics in the text format of Prometheus',
      handle: (request) => scrape(metrics, request),
    },
    {
      method: 'GET',
      path: '/ready',
      about: '200 when requests can be served, else 503 and why not',
      handle() {
        const { ready, reasons } = readiness();
        return json(ready ? 200 : 503, { ready, reasons });
      },
    },
    { method: 'GET', path: '/live', about: '200 while the process runs', handle: () => text(200, 'ok') },
  ];
  return startHttpServer({ key: 'telemetry', listen, reusePort, routes, guarded: false, log });
}

/** Whether `Accept` (RFC 9110 section 12.5.1) names OpenMetrics, and nothing of Prometheus' text with a greater weight. */
function prefersOpenMetrics(accept: string): boolean {
  const weightOf = (type: string): number => {
    const range = accept.split(',').find((entry) => entry.trim().toLowerCase().startsWith(type));
    if (range === undefined) return 0;
    const q = /;\s*q=([\d.]+)/i.exec(range)?.[1];
    return q === undefined ? 1 : Number(q);
  };
  const weight = weightOf('application/openmetrics-text');
  return weight > 0 && weight >= weightOf('text/plain');
}

/** zlib's Z_BEST_SPEED. */
const FASTEST = 1;

/** The text shrinks to a tenth. */
async function scrape(metrics: Exposition, request: AdminRequest): Promise<Answer> {
  const format = prefersOpenMetrics(String(request.headers.accept ?? '')) ? metrics.openMetrics : metrics;
  const body = await format.text();
  const plain: Answer = { status: 200, type: format.contentType, body, headers: { vary: 'accept, accept-encoding' } };
  if (!acceptsGzip(request.headers['accept-encoding'])) return plain;
  const packed = await compress(body, FASTEST);
  return { ...plain, body: packed, headers: { ...plain.headers, 'content-encoding': 'gzip' } };
}
