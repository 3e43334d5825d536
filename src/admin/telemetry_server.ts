import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';
import type { Log } from '../base/log.ts';
import type { Exposition } from '../observe/exposition.ts';
import type { Readiness } from './admin_view.ts';
import { type HttpServer, startHttpServer } from './http_server.ts';
import { type AdminRequest, type Answer, json, type Route, text } from './router.ts';

export interface TelemetryOptions {
  /** Usually `0.0.0.0:15020`: scrapers and probes come from elsewhere, so nothing here tells or changes more. */
  readonly listen: string;
  readonly metrics: Exposition;
  readonly readiness: () => Readiness;
  readonly log: Log;
}

/** Starts the server of `/metrics`, `/ready` and `/live`. Rejects with an OutriggerError (`listen_failed`). */
export function startTelemetryServer({ listen, metrics, readiness, log }: TelemetryOptions): Promise<HttpServer> {
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
  return startHttpServer({ key: 'telemetry', listen, routes, guarded: false, log });
}

const compress = promisify(gzip);

/** The text shrinks to a tenth; the fastest level, on a thread of its own. */
async function scrape(metrics: Exposition, request: AdminRequest): Promise<Answer> {
  const body = await metrics.text();
  const plain: Answer = { status: 200, type: metrics.contentType, body, headers: { vary: 'accept-encoding' } };
  if (!/\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))/i.test(String(request.headers['accept-encoding'] ?? '')))
    return plain;
  const packed = await compress(body, { level: constants.Z_BEST_SPEED });
  return { ...plain, body: packed, headers: { ...plain.headers, 'content-encoding': 'gzip' } };
}
