import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Order } from './instance.ts';

const SCRIPT = new URL('instance.ts', import.meta.url).pathname;

const running = new Set<ChildProcess>();
// A run that is cut off must not leave processes behind; one that is stopped would not see that its parent is gone.
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export interface Place {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** The network namespace that it runs in; null: ours. */
  readonly namespace: string | null;
}

/** An instance that can be killed, stopped, restarted on its port, and told to misbehave. */
export class InstanceProcess {
  readonly name: string;
  readonly #place: Place;
  #port: number;
  #child: ChildProcess | null = null;

  constructor(name: string, place: Place) {
    this.name = name;
    this.#place = place;
    this.#port = place.port;
  }

  /** Where it listens. */
  get address(): string {
    return `${this.#place.host}:${this.#port}`;
  }

  get port(): number {
    return this.#port;
  }

  /** Resolves when it listens; on the port that it had before, if it had one. */
  async start(streams: number | null = null): Promise<void> {
    const args = [SCRIPT, this.name, this.address, ...(streams === null ? [] : [String(streams)])];
    const { namespace } = this.#place;
    const [command, all] =
      namespace === null ? [process.execPath, args] : ['ip', ['netns', 'exec', namespace, process.execPath, ...args]];
    const child = spawn(command, all, {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    this.#child = child;
    running.add(child);
    child.once('exit', () => running.delete(child));
    const [message] = (await Promise.race([
      once(child, 'message'),
      once(child, 'exit').then(() => {
        throw new Error(`instance ${this.name} ended before it listened`);
      }),
    ])) as [{ port: number }];
    this.#port = message.port;
  }

  order(order: Order): void {
    this.#child?.send(order);
  }

  /** How many calls have come for each service. */
  async seen(): Promise<Readonly<Record<string, number>>> {
    const child = this.#child as ChildProcess;
    const answer = once(child, 'message');
    child.send({ kind: 'count' } satisfies Order);
    const [message] = (await answer) as [{ seen: Record<string, number> }];
    return message.seen;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** SIGTERM: GOAWAY, calls in flight are answered, exit. */
  async drain(): Promise<void> {
    await this.#end('SIGTERM');
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await once(child, 'exit');
  }
}
