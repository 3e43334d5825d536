import { describeError, OutriggerError } from '../base/errors.ts';

/** A request as a route sees it. */
export interface AdminRequest {
  readonly query: URLSearchParams;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Reads the whole body, which is bounded. */
  body(): Promise<string>;
}

export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * The answer goes on after `body`, until one side ends it: server-sent events, say. Called when the head has left, unless the
   * request was a HEAD; what it returns is called once when the client is gone, whoever ended it.
   */
  readonly stream?: (client: StreamClient) => () => void;
  /** Run when the answer has left, or cannot leave any more: for what ends the server itself. */
  readonly after?: () => void | Promise<void>;
}

/** The client of an answer that goes on. */
export interface StreamClient {
  /** Octets that wait because the client does not read; whoever writes must bound them. */
  readonly waiting: number;
  write(text: string): void;
  /** Ends the answer in order. */
  end(): void;
}

/** One thing that a server can be asked for. A GET also answers HEAD. */
export interface Route {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** One line for the index and for whoever asked for something else. */
  readonly about: string;
  handle(request: AdminRequest): Answer | Promise<Answer>;
}

/** Why a request is refused, as JSON says it. `error` is stable. */
export interface Problem {
  readonly error: string;
  readonly message: string;
  readonly hint?: string;
  /** What can be asked for instead. */
  readonly available?: readonly string[];
}

/** Thrown by a route, or by the reading of a body, for a request that cannot be served as it is. */
export class RefusedRequest extends Error {
  readonly status: number;
  readonly problem: Problem;

  constructor(status: number, problem: Problem) {
    super(problem.message);
    this.name = 'RefusedRequest';
    this.status = status;
    this.problem = problem;
  }
}

export function json(status: number, value: unknown): Answer {
  return { status, type: 'application/json; charset=utf-8', body: `${JSON.stringify(value, null, 2)}\n` };
}

/** For programs: 1,000 instances are a line of a quarter of the size. */
export function compactJson(value: unknown): Answer {
  return { status: 200, type: 'application/json; charset=utf-8', body: `${JSON.stringify(value)}\n` };
}

export function text(status: number, body: string): Answer {
  return { status, type: 'text/plain; charset=utf-8', body: `${body}\n` };
}

/** Finds the route and runs it. Never rejects: whatever goes wrong is an answer with a `Problem`. */
export async function dispatch(
  routes: readonly Route[],
  method: string,
  path: string,
  request: AdminRequest,
): Promise<Answer> {
  const here = routes.filter((route) => route.path === path);
  if (here.length === 0) {
    const message = `there is no ${JSON.stringify(path)} here`;
    return json(404, { error: 'not_found', message, available: routes.map(title) } satisfies Problem);
  }
  const wanted = method === 'HEAD' ? 'GET' : method;
  const route = here.find((candidate) => candidate.method === wanted);
  if (!route) {
    const allow = here.map((candidate) => candidate.method);
    const message = `${path} answers ${allow.join(' and ')}, not ${method}`;
    const problem: Problem = { error: 'method_not_allowed', message, available: routes.map(title) };
    return { ...json(405, problem), headers: { allow: allow.flatMap(withHead).join(', ') } };
  }
  try {
    return await route.handle(request);
  } catch (error) {
    return failed(error);
  }
}

/** One line per route: `GET /services  what it is about`. */
export function index(routes: readonly Route[]): string {
  const width = Math.max(...routes.map((route) => title(route).length));
  return routes.map((route) => `${title(route).padEnd(width)}  ${route.about}`).join('\n');
}

/** How a route is named: `GET /services`. */
export function title(route: Route): string {
  return `${route.method} ${route.path}`;
}

function withHead(method: string): string[] {
  return method === 'GET' ? ['GET', 'HEAD'] : [method];
}

function failed(error: unknown): Answer {
  if (error instanceof RefusedRequest) return json(error.status, error.problem);
  const message = describeError(error);
  if (!(error instanceof OutriggerError)) return json(500, { error: 'internal', message } satisfies Problem);
  const hint = error.hint === null ? {} : { hint: error.hint };
  return json(500, { error: error.code, message, ...hint } satisfies Problem);
}
