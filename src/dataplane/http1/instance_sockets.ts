import type { Agent, ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { valuesOf } from './fields.ts';
import { IDLE_MARGIN, IDLE_UPSTREAM } from './limits.ts';

/** Opens a connection to the instance; errors come as the socket's events. */
export type OpenSocket = () => Socket;

/** The connections to one instance that speaks HTTP/1.1: one for each request at a time, kept for the next. */
export class InstanceSockets {
  readonly agent: Agent;
  readonly #open: OpenSocket;
  readonly #idle = new Set<Socket>();
  /** How long the instance said that it waits for the next request, in milliseconds. */
  readonly #hints = new WeakMap<Socket, number>();
  readonly #onLost: () => void;

  /** `onLost`: the instance has closed a connection that was idle: it may be gone. */
  constructor(open: OpenSocket, limit: number, onLost: () => void) {
    this.#open = open;
    this.#onLost = onLost;
    const http = process.getBuiltinModule('node:http');
    const agent = new http.Agent({ keepAlive: true, maxSockets: limit, maxFreeSockets: limit, scheduling: 'lifo' });
    agent.createConnection = () => this.#create();
    agent.keepSocketAlive = (stream) => {
      const socket = stream as Socket;
      // Node's types have it give nothing; it gives what this gives.
      const keep = http.Agent.prototype.keepSocketAlive as (this: Agent, socket: Socket) => boolean;
      if (!keep.call(agent, socket)) return false;
      const limitMs = this.#hints.get(socket) ?? IDLE_UPSTREAM;
      if (limitMs <= 0) return false;
      socket.setTimeout(limitMs);
      this.#idle.add(socket);
      return true;
    };
    agent.reuseSocket = (stream, request) => {
      const socket = stream as Socket;
      this.#idle.delete(socket);
      socket.setTimeout(0);
      http.Agent.prototype.reuseSocket.call(agent, socket, request as unknown as ClientRequest);
    };
    this.agent = agent;
  }

  /** What an answer says of its connection. The agent would look at `headers`, from which `http2-proxy` has taken it by then. */
  heard({ rawHeaders, socket }: IncomingMessage): void {
    const hint = /(?:^|[\s,])timeout=(\d{1,6})/i.exec(valuesOf(rawHeaders, 'keep-alive').join(','));
    if (hint !== null) this.#hints.set(socket, Number(hint[1]) * 1_000 - IDLE_MARGIN);
  }

  /** Closes the idle ones, and the others when they become idle. */
  destroy(): void {
    this.#idle.clear();
    this.agent.destroy();
  }

  #create(): Socket {
    const socket = this.#open();
    // Ours to close, and no sign of anything.
    socket.on('timeout', () => this.#idle.delete(socket));
    socket.once('close', () => {
      if (this.#idle.delete(socket)) this.#onLost();
    });
    return socket;
  }
}
