import { readFile } from 'node:fs/promises';
import type { Agent as HttpAgent, IncomingMessage } from 'node:http';
import type { Agent as HttpsAgent } from 'node:https';
import { describeError, OutriggerError } from '../../../base/errors.ts';
import type { EurekaOptions, RegistryTls } from '../../../config/registry_options.ts';
import { EurekaStatus } from './errors.ts';

/** The longest answer in octets: a hundred thousand instances. */
const MAX_ANSWER = 256 * 1024 * 1024;

interface Agents {
  readonly request: typeof import('node:http').request;
  readonly agent: HttpAgent | HttpsAgent;
}

/** Asks one of several servers, and the next one when it fails. Node's HTTP client is loaded when it is used first. */
export class EurekaClient {
  readonly #options: EurekaOptions;
  readonly #agents = new Map<string, Promise<Agents>>();
  readonly #closing = new AbortController();
  #current = 0;

  constructor(options: EurekaOptions) {
    this.#options = options;
  }

  /** The base URL of the server that is asked first. */
  get server(): string {
    return this.#options.urls[this.#current % this.#options.urls.length] as string;
  }

  /**
   * The JSON at `path` (`/apps`) of the first server that has it, each asked once. Rejects with the first complaint when none has.
   * An answer that says that the request was wrong is an answer: the other servers would say the same.
   */
  async get(path: string, timeout: number = this.#options.timeout): Promise<unknown> {
    let complaint: unknown;
    for (let attempt = 0; attempt < this.#options.urls.length; attempt++) {
      try {
        return await this.#getFrom(this.server, path, timeout);
      } catch (error) {
        if (this.#closing.signal.aborted) throw error;
        if (error instanceof EurekaStatus && error.status < 500) throw error;
        complaint ??= error;
        this.#current++;
      }
    }
    throw complaint;
  }

  /** Breaks off what is under way and closes all connections. */
  async close(): Promise<void> {
    this.#closing.abort(new Error('the registry was closed'));
    for (const agents of this.#agents.values()) (await agents.catch(() => null))?.agent.destroy();
  }

  async #getFrom(server: string, path: string, timeout: number): Promise<unknown> {
    const { username, password = '' } = this.#options;
    const { request, agent } = await this.#agentsFor(new URL(server).protocol);
    const { signal } = this.#closing;
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const call = request(`${server}${path}`, {
        agent,
        headers: { accept: 'application/json' },
        ...(username === undefined ? {} : { auth: `${username}:${password}` }),
      });
      const giveUp = (): void => void call.destroy(signal.reason);
      const timer = setTimeout(() => call.destroy(new Error(`no answer within ${timeout} ms`)), timeout);
      const settle = (finish: () => void): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', giveUp);
        finish();
      };
      signal.addEventListener('abort', giveUp);
      call.on('error', (error) => settle(() => reject(error)));
      call.on('response', (response) => {
        readJson(response).then(
          (body) => settle(() => resolve(body)),
          (error: unknown) => settle(() => reject(error)),
        );
      });
      call.end();
    });
  }

  #agentsFor(protocol: string): Promise<Agents> {
    let agents = this.#agents.get(protocol);
    if (agents === undefined) {
      agents = protocol === 'https:' ? secureAgents(this.#options.tls) : plainAgents();
      this.#agents.set(protocol, agents);
      // A certificate that cannot be read now may be there later.
      agents.catch(() => this.#agents.delete(protocol));
    }
    return agents;
  }
}

async function plainAgents(): Promise<Agents> {
  const { Agent, request } = process.getBuiltinModule('node:http');
  return { request, agent: new Agent({ keepAlive: true, maxSockets: 2 }) };
}

async function secureAgents(tls: RegistryTls | undefined): Promise<Agents> {
  const { Agent, request } = process.getBuiltinModule('node:https');
  const [ca, cert, key] = await Promise.all([
    readPem('ca', tls?.ca),
    readPem('cert', tls?.cert),
    readPem('key', tls?.key),
  ]);
  return { request, agent: new Agent({ keepAlive: true, maxSockets: 2, ca, cert, key }) };
}

async function readPem(option: string, path: string | undefined): Promise<Buffer | undefined> {
  if (path === undefined) return undefined;
  try {
    return await readFile(path);
  } catch (cause) {
    throw new OutriggerError('eureka_tls', `tls.${option}: cannot read ${path}: ${describeError(cause)}`, {
      hint: 'Name a PEM file that this process may read.',
      cause,
    });
  }
}

/** Rejects with an `EurekaStatus` for any status but 200. */
async function readJson(response: IncomingMessage): Promise<unknown> {
  if (response.statusCode !== 200) {
    response.resume();
    throw new EurekaStatus(response.statusCode ?? 0);
  }
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_ANSWER) throw new Error(`an answer of more than ${MAX_ANSWER} octets`);
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString();
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`the answer is no JSON: ${JSON.stringify(text.slice(0, 60))}`);
  }
}
