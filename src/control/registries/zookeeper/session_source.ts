import type { Clock } from '../../../base/clock.ts';
import { OutriggerError } from '../../../base/errors.ts';
import type { ZookeeperOptions } from '../../../config/registry_options.ts';
import type { ZookeeperAccess } from './connection.ts';
import { parseServer, type ServerAddress } from './paths.ts';
import { ZookeeperSession } from './session.ts';
import type { ZookeeperTiming } from './timing.ts';

/** The one session that everybody who reads from this ensemble shares: opened when asked for, and anew when it was lost. */
export class SessionSource {
  readonly #servers: readonly ServerAddress[];
  readonly #access: ZookeeperAccess;
  readonly #clock: Clock;
  readonly #timing: ZookeeperTiming;
  #current: Promise<ZookeeperSession> | null = null;
  #closed = false;
  /** The server to try first: one by chance, so that many sidecars do not all choose the same. */
  #next: number;

  constructor(options: ZookeeperOptions, clock: Clock, timing: ZookeeperTiming) {
    this.#servers = options.servers.map(parseServer).filter((server) => server !== null);
    const { username, password = '', chroot = '' } = options;
    this.#access = { chroot, user: username === undefined ? null : { name: username, password } };
    this.#clock = clock;
    this.#timing = timing;
    this.#next = Math.floor(Math.random() * this.#servers.length);
  }

  /** Rejects with the last server's complaint when none gives a session. */
  get(): Promise<ZookeeperSession> {
    this.#current ??= this.#open();
    return this.#current;
  }

  /** Ends the session, or the attempt to open one. Never rejects. */
  async close(): Promise<void> {
    this.#closed = true;
    const session = await this.#current?.catch(() => null);
    await session?.close();
  }

  async #open(): Promise<ZookeeperSession> {
    let complaint: unknown = new OutriggerError('zookeeper_servers', 'none of `servers` is an address', {
      hint: 'Write host:port, such as 127.0.0.1:2181.',
    });
    try {
      for (let attempt = 0; attempt < this.#servers.length; attempt++) {
        if (this.#closed) throw new Error('the connection is not wanted any more');
        // The one that was lost is asked last.
        const server = this.#servers[this.#next++ % this.#servers.length] as ServerAddress;
        try {
          const session = await ZookeeperSession.open(server, this.#access, this.#clock, this.#timing);
          void session.over.then(() => {
            this.#current = null;
          });
          return session;
        } catch (error) {
          complaint = error;
        }
      }
      throw complaint;
    } catch (error) {
      this.#current = null;
      throw error;
    }
  }
}
