import { type Clock, systemClock } from '../base/clock.ts';
import type { Log, LogLevel } from '../base/log.ts';
import { LOG_LEVELS } from '../observe/log.ts';
import type { AdminActions, AdminView } from './admin_view.ts';
import { explainRequestOf } from './explain_request.ts';
import { type HttpServer, startHttpServer } from './http_server.ts';
import { Viewers } from './live/viewers.ts';
import { pageAnswer } from './page/page.ts';
import { redact } from './redact.ts';
import { describeRegistrations } from './registrations_json.ts';
import { type AdminRequest, compactJson, index, json, RefusedRequest, type Route, text, title } from './router.ts';
import { describeServices } from './services_json.ts';
import { describeStats } from './stats_json.ts';
import { withSubset } from './subset_step.ts';
import { tap } from './tap.ts';

export interface AdminOptions {
  /** Usually `127.0.0.1:15000`: whoever reaches it may stop the sidecar. */
  readonly listen: string;
  readonly reusePort?: boolean;
  /** The system's unless a test moves the time. */
  readonly clock?: Clock;
  /** The program's; shown by the page. */
  readonly version?: string;
  readonly view: AdminView;
  readonly actions: AdminActions;
  readonly log: Log;
}

/** Starts the admin server. Rejects with an OutriggerError (`listen_failed`). */
export function startAdminServer(options: AdminOptions): Promise<HttpServer> {
  const { listen, reusePort, clock = systemClock, version = '', view, actions, log } = options;
  const viewers = new Viewers({ view, clock, log, version, can: () => routes.map(title) });
  const routes: Route[] = [
    {
      method: 'GET',
      path: '/',
      about: 'this list; in a browser, the page that shows everything',
      handle(request) {
        if (/\btext\/html\b/i.test(String(request.headers.accept ?? ''))) return pageAnswer(request);
        return { ...text(200, `Outrigger\n\n${index(routes)}`), headers: { vary: 'accept' } };
      },
    },
    {
      method: 'GET',
      path: '/events',
      about: 'services, counts and changes as they happen (server-sent events): what the page shows',
      handle: () => viewers.answer(),
    },
    {
      method: 'GET',
      path: '/services',
      about: 'services and their instances, with state and counts',
      handle: () => json(200, describeServices(view)),
    },
    {
      method: 'GET',
      path: '/registrations',
      about: 'what is registered, where, and why not',
      handle: () => json(200, describeRegistrations(view)),
    },
    {
      method: 'GET',
      path: '/explain',
      about: 'why this instance? ?service=book&version=v2&path=/book.Book/Get&header=name:value',
      handle: async ({ query }) => json(200, withSubset(await view.explain(explainRequestOf(query)), view)),
    },
    {
      method: 'GET',
      path: '/tap',
      about: 'requests as they end (server-sent events) ?service=&version=&instance=&method=&status=',
      handle: ({ query }) => tap(view, query),
    },
    {
      method: 'GET',
      path: '/stats',
      about: 'counts of services and instances since the start: look twice for rates',
      handle: () => compactJson(describeStats(view)),
    },
    {
      method: 'GET',
      path: '/config',
      about: 'the effective config, without secrets',
      handle: () => json(200, redact(view.config())),
    },
    {
      method: 'POST',
      path: '/reload',
      about: 'read the config again, and take it over if nothing is wrong with it',
      async handle() {
        const report = await actions.reload();
        return json(report.result === 'rejected' ? 422 : 200, report);
      },
    },
    {
      method: 'POST',
      path: '/log-level',
      about: 'set the log level: {"level":"debug"}, or ?level=debug',
      async handle(request) {
        const level = await requestedLevel(request);
        actions.setLogLevel(level);
        return json(200, { level });
      },
    },
    {
      method: 'POST',
      path: '/drain',
      about: 'take no new requests, finish those in flight',
      handle: () => ({ ...json(202, { draining: true }), after: () => actions.drain() }),
    },
    {
      method: 'POST',
      path: '/shutdown',
      about: 'drain, then end the process',
      handle: () => ({ ...json(202, { shutting_down: true }), after: () => actions.shutdown() }),
    },
  ];
  return startHttpServer({ key: 'admin', listen, reusePort, routes, guarded: true, log });
}

/** Throws a RefusedRequest when the request names no level that exists. */
async function requestedLevel(request: AdminRequest): Promise<LogLevel> {
  const asked = request.query.get('level') ?? levelIn(await request.body());
  const level = LOG_LEVELS.find((candidate) => candidate === asked);
  if (level) return level;
  throw new RefusedRequest(400, {
    error: 'bad_level',
    message: `level must be one of ${LOG_LEVELS.join(', ')}; got ${JSON.stringify(asked)}`,
    hint: `For example: curl -X POST 'http://${String(request.headers.host)}/log-level?level=debug'`,
  });
}

function levelIn(body: string): unknown {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null && 'level' in value ? value.level : null;
  } catch {
    return null;
  }
}
