import { readFile } from 'node:fs/promises';
import type { Agent, IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { AgentOptions } from 'node:https';
import type { Clock } from '../../../base/clock.ts';
import { describeError, OutriggerError } from '../../../base/errors.ts';
import type { ConsulOptions } from '../../../config/registry_options.ts';

/** One question to a Consul agent. */
export interface ConsulRequest {
  readonly method: 'GET' | 'PUT' | 'POST';
  /** With its query. */
  readonly path: string;
  readonly body?: unknown;
  /** Longest wait for the end of the answer, in milliseconds. */
  readonly timeout: number;
  readonly signal: AbortSignal;
}

/** An answer of any status. */
export interface ConsulResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

type Tls = NonNullable<ConsulOptions['tls']>;

interface Connections {
  readonly agent: Agent;
  /** What the certificates were that it was made with. */
  readonly material: string;
}

/** Connections that are kept while nobody uses them. */
const MOST_IDLE = 4;
/** Silence after which the kernel asks whether the other machine is still there, in milliseconds. */
const KEEPALIVE = 10_000;

/**
 * HTTP to one Consul agent, over connections that are kept. On node:http and not `fetch`, which costs 20 MB more, and takes no
 * certificates.
 */
export class ConsulHttp {
  readonly #address: string;
  readonly #options: Pick<ConsulOptions, 'token' | 'tokenFile' | 'tls'>;
  readonly #maxAnswer: number;
  readonly #clock: Clock;
  readonly #running = new Set<() => void>();
  #connections: Connections | null = null;
  #closed = false;

  /** @param maxAnswer longest answer that is read, in octets */
  constructor(
    address: string,
    options: Pick<ConsulOptions, 'token' | 'tokenFile' | 'tls'>,
    maxAnswer: number,
    clock: Clock,
  ) {
    this.#address = address;
    this.#options = options;
    this.#maxAnswer = maxAnswer;
    this.#clock = clock;
  }

  /** Sends one request. Rejects with what the connection said, also after `close`; an answer of any status is none of that. */
  async send(request: ConsulRequest): Promise<ConsulResponse> {
    const token = await this.#token();
    const agent = await this.#agent();
    if (this.#closed || request.signal.aborted) throw new Error('the registry was closed');
    return this.#exchange(request, token, agent);
  }

  /** Ends all connections. What runs rejects. */
  close(): void {
    this.#closed = true;
    for (const abort of [...this.#running]) abort();
    this.#connections?.agent.destroy();
    this.#connections = null;
  }

  #exchange(request: ConsulRequest, token: string, agent: Agent): Promise<ConsulResponse> {
    const { method, path, body, timeout, signal } = request;
    const { request: open } = this.#module();
    const text = body === undefined ? '' : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const headers: Record<string, string | number> = { accept: 'application/json' };
      if (token !== '') headers['x-consul-token'] = token;
      if (text !== '') headers['content-type'] = 'application/json';
      if (method !== 'GET') headers['content-length'] = Buffer.byteLength(text);
      const call = open(`${this.#address}${path}`, { method, headers, agent });
      const settle = (): void => {
        cancel();
        signal.removeEventListener('abort', abort);
        this.#running.delete(abort);
      };
      const fail = (error: Error): void => {
        settle();
        reject(error);
        call.destroy();
      };
      const abort = (): void => fail(new Error('the registry was closed'));
      const cancel = this.#clock.after(timeout, () => fail(new Error(`no answer within ${timeout} ms`)));
      this.#running.add(abort);
      signal.addEventListener('abort', abort);
      // An answer that was read to its end may still be followed by an error of the connection.
      call.on('error', fail);
      call.on('response', (response) => {
        const done = (answer: string): void => {
          settle();
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: answer });
        };
        this.#read(response, done, fail);
      });
      // In use, too: a machine that is gone does not say so.
      call.on('socket', (socket) => socket.setKeepAlive(true, KEEPALIVE));
      call.end(text);
    });
  }

  #read(response: IncomingMessage, done: (body: string) => void, fail: (error: Error) => void): void {
    const parts: Buffer[] = [];
    let length = 0;
    response.on('data', (part: Buffer) => {
      length += part.length;
      if (length <= this.#maxAnswer) {
        parts.push(part);
        return;
      }
      parts.length = 0;
      fail(
        new OutriggerError('consul_too_long', `the answer is longer than ${this.#maxAnswer} octets`, {
          hint: 'Take fewer instances: a tag or a filter in `path` (book?tag=v2), or several services.',
        }),
      );
    });
    response.on('error', (error) => fail(new Error(`the answer broke off: ${describeError(error)}`, { cause: error })));
    response.on('end', () => {
      if (response.complete) done(Buffer.concat(parts).toString());
      else fail(new Error('the answer broke off'));
    });
  }

  async #token(): Promise<string> {
    const { token = '', tokenFile } = this.#options;
    if (tokenFile === undefined) return token;
    try {
      return (await readFile(tokenFile, 'utf8')).trim();
    } catch (cause) {
      throw new OutriggerError('consul_token_file', `token_file: cannot read ${tokenFile}: ${describeError(cause)}`, {
        hint: 'Name a file with the token, which this process may read.',
        cause,
      });
    }
  }

  /** The connections to use; new ones when the files of the certificates hold something else than before. */
  async #agent(): Promise<Agent> {
    const { tls } = this.#options;
    if (tls === undefined) {
      this.#connections ??= { agent: this.#newAgent({}), material: '' };
      return this.#connections.agent;
    }
    const [ca, cert, key] = await Promise.all([read('ca', tls), read('cert', tls), read('key', tls)]);
    const material = [ca, cert, key].map((pem) => pem ?? '').join('\0');
    if (this.#connections?.material !== material && !this.#closed) {
      // What runs on the old connections may end there; then they are closed, since a new agent never takes them.
      const { serverName } = tls;
      const secure: AgentOptions = {
        ...(ca === null ? {} : { ca }),
        ...(cert === null ? {} : { cert }),
        ...(key === null ? {} : { key }),
        ...(serverName === undefined ? {} : { servername: serverName }),
      };
      retire(this.#connections?.agent);
      this.#connections = { agent: this.#newAgent(secure), material };
    }
    if (this.#connections === null) throw new Error('the registry was closed');
    return this.#connections.agent;
  }

  #newAgent(secure: AgentOptions): Agent {
    const { Agent } = this.#module();
    return new Agent({ keepAlive: true, keepAliveMsecs: KEEPALIVE, maxFreeSockets: MOST_IDLE, ...secure });
  }

  #module(): Pick<typeof import('node:https'), 'request' | 'Agent'> {
    return process.getBuiltinModule(
      this.#address.startsWith('https:') ? 'node:https' : 'node:http',
    ) as typeof import('node:https');
  }
}

/** Closes what is idle; what is in use ends with its request. */
function retire(agent: Agent | undefined): void {
  if (agent === undefined) return;
  for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
  agent.on('free', (socket) => socket.destroy());
}

async function read(option: 'ca' | 'cert' | 'key', tls: Tls): Promise<string | null> {
  const path = tls[option];
  if (path === undefined) return null;
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new OutriggerError('consul_tls', `tls.${option}: cannot read ${path}: ${describeError(cause)}`, {
      hint: 'Name a PEM file that this process may read.',
      cause,
    });
  }
}
