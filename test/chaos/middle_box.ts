import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** What stands between the sidecar and an instance, and does with their connections what networks do. */
export class MiddleBox {
  /** What is passed on, is passed on this much later, in milliseconds. */
  delay = 0;
  readonly #target: () => { readonly host: string; readonly port: number };
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #silent = false;

  constructor(target: () => { readonly host: string; readonly port: number }) {
    this.#target = target;
    this.#server = createServer({ noDelay: true }, (client) => this.#accept(client));
  }

  /** Where the sidecar finds the instance. */
  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `127.0.0.1:${(this.#server.address() as { port: number }).port}`;
  }

  /** Resets every connection (RST), and lets new ones through. */
  reset(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** From now on nothing passes, and nobody is told: what comes is read by nobody, new connections included. */
  set silent(silent: boolean) {
    this.#silent = silent;
    for (const socket of this.#sockets) {
      if (silent) socket.pause();
      else socket.resume();
    }
  }

  #accept(client: Socket): void {
    const upstream = connect({ ...this.#target(), noDelay: true });
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      this.#sockets.add(from);
      const pass = this.#inOrder();
      from.on('data', (octets: Buffer) => pass(() => to.writable && to.write(octets)));
      from.on('end', () => pass(() => to.end()));
      from.on('error', () => to.destroy());
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
      if (this.#silent) from.pause();
    }
  }

  /** Does what it is given after the delay that there is now, and never before what came earlier. */
  #inOrder(): (task: () => void) => void {
    const tasks: (() => void)[] = [];
    return (task) => {
      if (this.delay === 0 && tasks.length === 0) return task();
      tasks.push(task);
      setTimeout(() => tasks.shift()?.(), this.delay);
    };
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}
