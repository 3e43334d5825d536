import type { ClientRequest, IncomingMessage } from 'node:http';
import type { RequestOptions } from 'node:https';
import type { Clock } from '../../../base/clock.ts';
import { isObject } from '../records/record.ts';
import type { Access } from './access.ts';
import { ApiError } from './errors.ts';
import { JsonLines } from './json_lines.ts';

/** One page of a list. */
export interface Page {
  readonly items: readonly unknown[];
  /** Where a watch goes on from; the same on all pages of a list. */
  readonly resourceVersion: string;
  /** What the next page is asked with; null: this is the last one. */
  readonly next: string | null;
}

/** What a watch tells, until it is over. */
export interface WatchEvents {
  /** The server took the watch: from here on silence means that nothing changes. */
  opened(): void;
  /** One event, `{ type, object }`. What it throws ends the watch with that error. */
  event(event: unknown): void;
}

/** EndpointSlices of a page. Each has 100 endpoints at most as Kubernetes makes them, which is about 50 kB. */
const PAGE = 200;
/** The longest answer, and the longest event. etcd takes no object beyond 1.5 MiB. In octets. */
const MAX_ANSWER = 128 * 1024 * 1024;
const MAX_EVENT = 8 * 1024 * 1024;
/** How much of an answer that is no JSON is shown. */
const SHOWN = 200;
/** First probe of a connection that is silent, in milliseconds; further ones follow every second. */
const KEEPALIVE = 10_000;

/** The calls of the Kubernetes API that following EndpointSlices takes. All reject when `signal` aborts. */
export class KubernetesClient {
  readonly #access: () => Promise<Access>;
  readonly #clock: Clock;
  /** Longest wait for an answer, in milliseconds. */
  readonly #timeout: number;

  constructor(access: () => Promise<Access>, timeout: number, clock: Clock) {
    this.#access = access;
    this.#timeout = timeout;
    this.#clock = clock;
  }

  /** https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks */
  async list(namespace: string, next: string | null, signal: AbortSignal, limit = PAGE): Promise<Page> {
    const query = { limit: String(limit), ...(next === null ? {} : { continue: next }) };
    const response = await this.#get(namespace, query, signal);
    const answer = parse(await this.#body(response, MAX_ANSWER));
    const metadata = isObject(answer) && isObject(answer.metadata) ? answer.metadata : {};
    const { resourceVersion, continue: more } = metadata;
    const items = isObject(answer) ? (answer.items ?? []) : null;
    if (!Array.isArray(items) || typeof resourceVersion !== 'string')
      throw new Error('the answer is no list of EndpointSlices');
    return { items, resourceVersion, next: typeof more === 'string' && more !== '' ? more : null };
  }

  /**
   * Follows what happens after `resourceVersion`. Resolves when the server ends the watch, or after a `silence` (milliseconds);
   * `seconds` is how long the server may keep it open.
   * https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
   */
  async watch(
    namespace: string,
    options: { readonly resourceVersion: string; readonly seconds: number; readonly silence: number },
    events: WatchEvents,
    signal: AbortSignal,
  ): Promise<void> {
    const { resourceVersion, seconds, silence } = options;
    const query = { watch: 'true', allowWatchBookmarks: 'true', resourceVersion, timeoutSeconds: String(seconds) };
    const response = await this.#get(namespace, query, signal);
    events.opened();
    const lines = new JsonLines(MAX_EVENT, (event) => events.event(event));
    let cancelSilence = (): void => {};
    try {
      await new Promise<void>((resolve, reject) => {
        const heard = (): void => {
          cancelSilence();
          cancelSilence = this.#clock.after(silence, resolve);
        };
        heard();
        response.on('data', (octets: Buffer) => {
          heard();
          try {
            lines.push(octets);
          } catch (error) {
            reject(error);
          }
        });
        // A connection that was cut is a watch that is over, too: if the server is gone, the next request finds out.
        response.on('error', () => resolve());
        response.on('close', resolve);
      });
    } finally {
      cancelSilence();
      response.destroy();
    }
  }

  /** Resolves with an answer whose status is 200; its body must be read or destroyed. */
  async #get(namespace: string, query: Record<string, string>, signal: AbortSignal): Promise<IncomingMessage> {
    const access = await this.#access();
    const path = `/apis/discovery.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/endpointslices`;
    // Slices that mirror no service have nothing to be found by.
    const search = new URLSearchParams({ labelSelector: 'kubernetes.io/service-name', ...query });
    const response = await this.#send(access, `${path}?${search}`, signal);
    const { statusCode = 0, headers } = response;
    if (statusCode === 200) return response;
    const text = await this.#body(response, MAX_EVENT);
    const retryAfter = Number(headers['retry-after'] ?? 0) * 1_000;
    throw new ApiError(
      statusCode,
      `HTTP ${statusCode}: ${messageOf(text)}`,
      Number.isFinite(retryAfter) ? retryAfter : 0,
    );
  }

  /** Each request has a connection of its own: there are few of them, and files that changed take effect with the next. */
  #send({ url, token, ca, cert, key }: Access, path: string, signal: AbortSignal): Promise<IncomingMessage> {
    const options: RequestOptions = {
      host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
      port: url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port),
      path,
      agent: false,
      signal,
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined || key === undefined ? {} : { cert, key }),
      headers: {
        accept: 'application/json',
        'user-agent': 'outrigger',
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      },
    };
    const { request } =
      url.protocol === 'https:' ? process.getBuiltinModule('node:https') : process.getBuiltinModule('node:http');
    return new Promise((resolve, reject) => {
      const sent: ClientRequest = request(options);
      const cancel = this.#clock.after(this.#timeout, () =>
        sent.destroy(new Error(`no answer within ${this.#timeout} ms`)),
      );
      sent.on('socket', (socket) => socket.setKeepAlive(true, KEEPALIVE));
      sent.on('response', (response) => {
        cancel();
        resolve(response);
      });
      sent.on('error', (error) => {
        cancel();
        reject(error);
      });
      sent.end();
    });
  }

  async #body(response: IncomingMessage, most: number): Promise<string> {
    const late = new Error(`no answer within ${this.#timeout} ms`);
    const cancel = this.#clock.after(this.#timeout, () => response.destroy(late));
    const pieces: Buffer[] = [];
    let length = 0;
    try {
      for await (const piece of response as AsyncIterable<Buffer>) {
        length += piece.length;
        if (length > most) throw new Error(`an answer of over ${most} octets`);
        pieces.push(piece);
      }
    } finally {
      cancel();
      response.destroy();
    }
    return Buffer.concat(pieces).toString('utf8');
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`the answer is no JSON: ${text.slice(0, SHOWN)}`);
  }
}

/** The message of a Status, or the start of whatever was said instead of one. */
function messageOf(text: string): string {
  try {
    const status: unknown = JSON.parse(text);
    if (isObject(status) && typeof status.message === 'string') return status.message;
  } catch {
    // Shown as it is.
  }
  return text.slice(0, SHOWN).trim();
}
