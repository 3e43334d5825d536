import type { Clock } from '../../../base/clock.ts';
import { connectZookeeper, type ZookeeperAccess, type ZookeeperConnection } from './connection.ts';
import { NO_NODE, ZookeeperRefusal } from './errors.ts';
import { parentPath, type ServerAddress } from './paths.ts';
import type { ZookeeperTiming } from './timing.ts';

/** What a node holds, and the transaction that wrote it. */
export interface NodeData {
  readonly value: string;
  readonly revision: bigint;
}

/** A node that comes and goes while it is asked for is asked again this often at most. */
const MOST_ATTEMPTS = 10;

/** The error is null or undefined when there is none. */
type Done<T> = (error: unknown, value: T) => void;

/**
 * The requests that following a path takes, on one connection. Every wait ends: with the answer, with the request's deadline or with
 * the connection, and a server that lets a deadline pass has lost it. Requests reject with a `ZookeeperRefusal` when ZooKeeper
 * said no, and with any other error when the session is over.
 */
export class ZookeeperSession {
  /** Resolves when the session is over; `close` counts, too. */
  readonly over: Promise<Error>;
  readonly #clock: Clock;
  readonly #timing: ZookeeperTiming;
  readonly #followers = new Map<string, Set<(path: string) => void>>();
  readonly #waiting = new Set<(cause: Error) => void>();
  #connection: ZookeeperConnection | null = null;
  #lost: Error | null = null;
  #end: (cause: Error) => void = () => {};
  #stopPings: () => void = () => {};

  private constructor(clock: Clock, timing: ZookeeperTiming) {
    this.#clock = clock;
    this.#timing = timing;
    this.over = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  /** Rejects when the server gives no session in time. */
  static async open(
    server: ServerAddress,
    access: ZookeeperAccess,
    clock: Clock,
    timing: ZookeeperTiming,
  ): Promise<ZookeeperSession> {
    const session = new ZookeeperSession(clock, timing);
    session.#connection = await connectZookeeper(server, access, clock, timing, (cause) => session.#lose(cause));
    session.#ping();
    return session;
  }

  /** The names of a node's children, or null when there is no such node. `follow` tells when that changes. */
  async children(path: string): Promise<readonly string[] | null> {
    for (let attempt = 1; attempt <= MOST_ATTEMPTS; attempt++) {
      const names = await this.#unlessAbsent<string[]>((client, done) => client.getChildren(path, this.#changed, done));
      if (names !== null) return names;
      // Asks to be told when the node appears; it may have, in between.
      const stat = await this.#request<unknown>((client, done) => client.exists(path, this.#changed, done));
      if (!stat) return null;
    }
    throw new Error(`${path} came and went ${MOST_ATTEMPTS} times while it was read`);
  }

  /** What a node holds, or null when there is no such node. `follow` on its parent tells when that changes. */
  data(path: string): Promise<NodeData | null> {
    return this.#unlessAbsent<NodeData>((client, done) =>
      client.getData(path, this.#changed, (error, data: Buffer | undefined, stat) => {
        if (error) done(error, null as never);
        else done(null, { value: data?.toString() ?? '', revision: stat.mzxid.readBigInt64BE() });
      }),
    );
  }

  /** Asks for any node, to see whether there is an answer. */
  async probe(path: string): Promise<void> {
    await this.#request<unknown>((client, done) => client.exists(path, done));
  }

  /**
   * `changed` is told the path of the node, or of a child of it, each time that something changed which was read before; once for
   * each time it was read. The returned function ends that.
   */
  follow(path: string, changed: (path: string) => void): () => void {
    const followers = this.#followers.get(path) ?? new Set();
    this.#followers.set(path, followers);
    followers.add(changed);
    return () => {
      followers.delete(changed);
      if (followers.size === 0 && this.#followers.get(path) === followers) this.#followers.delete(path);
    };
  }

  /** Ends the session on the server, too, if that answers in time. Never rejects. */
  async close(): Promise<void> {
    if (this.#lost !== null) return;
    const late = this.#clock.after(this.#timing.check, () => this.#lose(new Error('the session was closed')));
    this.#connection?.client.close();
    await this.over;
    late();
  }

  /** One function for all watches: the client library keeps the same one only once per node. */
  readonly #changed = ({ path }: { readonly path: string }): void => {
    for (const key of new Set([path, parentPath(path)])) {
      for (const follower of [...(this.#followers.get(key) ?? [])]) follower(path);
    }
  };

  async #unlessAbsent<T>(start: (client: ZookeeperConnection['client'], done: Done<T>) => void): Promise<T | null> {
    try {
      return await this.#request(start);
    } catch (error) {
      if (error instanceof ZookeeperRefusal && error.code === NO_NODE) return null;
      throw error;
    }
  }

  #request<T>(start: (client: ZookeeperConnection['client'], done: Done<T>) => void): Promise<T> {
    const connection = this.#connection;
    if (this.#lost !== null || connection === null)
      return Promise.reject(this.#lost ?? new Error('the connection is not there'));
    return new Promise((resolve, reject) => {
      const { request: limit } = this.#timing;
      const stopWaiting = this.#clock.after(limit, () => this.#lose(new Error(`no answer within ${limit} ms`)));
      const settled = (): void => {
        stopWaiting();
        this.#waiting.delete(fail);
      };
      const fail = (cause: Error): void => {
        settled();
        reject(cause);
      };
      this.#waiting.add(fail);
      try {
        start(connection.client, (error, value) => {
          settled();
          if (error == null) resolve(value);
          else reject(refusalOf(error));
        });
      } catch (error) {
        // A path that the client library will not send.
        fail(error as Error);
      }
    });
  }

  /** The library sends pings of its own but waits for no answer. */
  #ping(): void {
    this.#stopPings = this.#clock.after(this.#timing.keepalive, () => {
      this.probe('/').then(
        () => this.#ping(),
        (error: unknown) => {
          if (error instanceof ZookeeperRefusal && this.#lost === null) this.#ping();
        },
      );
    });
  }

  #lose(cause: Error): void {
    if (this.#lost !== null) return;
    this.#lost = cause;
    this.#stopPings();
    this.#connection?.destroy();
    for (const fail of [...this.#waiting]) fail(cause);
    this.#followers.clear();
    this.#end(cause);
  }
}

const CONNECTION_LOSS = -4;

function refusalOf(error: unknown): Error {
  const { code, name } = error as { code?: unknown; name?: string };
  if (typeof code !== 'number' || code === CONNECTION_LOSS) return new Error('the connection was closed');
  return new ZookeeperRefusal(code, `${name} (${code})`);
}
