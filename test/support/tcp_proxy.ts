import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** A way to a server that a test can cut: clients connect to `port`, and lose the server when it is cut. */
export interface TcpProxy {
  readonly port: number;
  /** Breaks all connections and refuses new ones. */
  cut(): void;
  /** Lets new connections through again. */
  mend(): void;
  /** Connections open now. */
  readonly open: number;
  close(): Promise<void>;
}

/** @param options `delay`: what the server sends is passed on this much later, in milliseconds */
export async function startTcpProxy(targetPort: number, options: { delay?: number } = {}): Promise<TcpProxy> {
  const { delay = 0 } = options;
  const sockets = new Set<Socket>();
  let whole = true;
  const server = createServer((client) => {
    if (!whole) {
      client.destroy();
      return;
    }
    const upstream = connect(targetPort, '127.0.0.1');
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      if (delay > 0 && from === upstream) passLater(from, to, delay);
      else from.pipe(to);
      from.on('error', () => to.destroy());
      from.on('close', () => to.destroy());
    }
    sockets.add(client).add(upstream);
    client.on('close', () => sockets.delete(client));
    upstream.on('close', () => sockets.delete(upstream));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = (): void => {
    whole = false;
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: (server.address() as { port: number }).port,
    cut,
    mend() {
      whole = true;
    },
    get open() {
      return sockets.size;
    },
    async close() {
      cut();
      server.close();
      await once(server, 'close');
    },
  };
}

function passLater(from: Socket, to: Socket, delay: number): void {
  const later = (pass: () => void): void => void setTimeout(pass, delay).unref();
  from.on('data', (octets: Buffer) => later(() => to.write(octets)));
  from.on('end', () => later(() => to.end()));
}
