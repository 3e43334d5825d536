import type { Socket } from 'node:net';
import type { Client } from 'node-zookeeper-client';
import type { Clock } from '../../../base/clock.ts';
import { describeError } from '../../../base/errors.ts';
import type { ServerAddress } from './paths.ts';
import type { ZookeeperTiming } from './timing.ts';

/** How to come in, the same for all servers. */
export interface ZookeeperAccess {
  /** The path that all others are below of: `/team`; empty for none. */
  readonly chroot: string;
  /** For the digest scheme. */
  readonly user: { readonly name: string; readonly password: string } | null;
}

/** One connection with a live session. It is used once: whoever loses it makes another. */
export interface ZookeeperConnection {
  readonly client: Client;
  /** Breaks the connection off without a word to the server. */
  destroy(): void;
}

/** `ConnectionManager.STATES` of the client library. */
const STATE = { disconnected: 0, connected: 2, closing: -1, expired: -3, refused: -4 } as const;

/** The part of the client library's inside that is needed to hold it to one connection. */
interface Inside {
  servers: ServerAddress[];
  state: number;
  socket?: Socket;
  connectTimeoutHandler: NodeJS.Timeout | null;
  connect(): void;
  onSocketData(data: Buffer): void;
  onSocketError(error: Error): void;
  on(event: 'state', listener: (state: number) => void): void;
}

/**
 * Connects to one server; rejects when there is no session in time. `ended` is called once when the connection is over, for whatever
 * reason, but not when it never came about.
 *
 * The client library would connect again by itself. It is not let: after an expired session it never does, it asks for all watches
 * in one message that a server refuses when it has more than 1 MiB (and then for ever), and what was called in between goes out
 * before the login. A new session and a listing make good for all that, and nothing here is bound to a session.
 */
export async function connectZookeeper(
  server: ServerAddress,
  access: ZookeeperAccess,
  clock: Clock,
  timing: ZookeeperTiming,
  ended: (cause: Error) => void,
): Promise<ZookeeperConnection> {
  const { default: zookeeper } = await import('node-zookeeper-client');
  // The address is set below, since the library reads no IPv6 addresses.
  const client = zookeeper.createClient(`server${access.chroot}`, { sessionTimeout: timing.session, retries: 0 });
  const inside = (client as unknown as { connectionManager: Inside }).connectionManager;
  inside.servers = [server];
  if (access.user !== null) client.addAuthInfo('digest', Buffer.from(`${access.user.name}:${access.user.password}`));

  return new Promise((resolve, reject) => {
    let connected = false;
    let over = false;
    let cause: Error | null = null;
    const destroy = (): void => {
      // With this state the library neither reports nor retries.
      inside.state = STATE.closing;
      clearTimeout(inside.connectTimeoutHandler ?? undefined);
      inside.socket?.destroy();
    };
    const end = (reason: Error): void => {
      if (over) return;
      over = true;
      stopWaiting();
      destroy();
      if (connected) ended(reason);
      else reject(reason);
    };
    const stopWaiting = clock.after(timing.request, () => end(new Error(`no session within ${timing.request} ms`)));

    inside.onSocketError = (error) => {
      cause = error;
    };
    // It throws for messages that it does not know, in a place where nobody could catch it.
    const read = inside.onSocketData;
    inside.onSocketData = (data) => {
      try {
        if (!over) read.call(inside, data);
      } catch (error) {
        end(new Error(`a message that cannot be read: ${describeError(error)}`));
      }
    };
    inside.on('state', (state) => {
      if (state === STATE.connected) {
        connected = true;
        stopWaiting();
        if (!over) resolve({ client, destroy });
      } else if (state === STATE.expired) end(new Error('the session expired'));
      else if (state === STATE.refused) end(new Error('AUTH_FAILED: the login was refused'));
      else if (state === STATE.disconnected) end(cause ?? new Error('the connection was closed'));
    });
    client.connect();
    inside.connect = () => {};
    // The socket exists from the next tick on: one that was given up before must not stay.
    setImmediate(() => {
      if (over) destroy();
    });
  });
}
