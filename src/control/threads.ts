import type { Worker } from 'node:worker_threads';
import type { Clock } from '../base/clock.ts';
import { OutriggerError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { DataThreadStart, FromDataThread, ToDataThread } from '../model/snapshot.ts';
import type { SecureListen } from '../model/tls.ts';
import type { CounterArena } from './counters.ts';
import { type EarlyThread, spawnDataThread } from './data_thread.ts';

/** What a new data thread is told besides what the threads themselves know. */
export type ThreadState = Pick<
  DataThreadStart,
  'routing' | 'discoverSettings' | 'services' | 'clients' | 'tls' | 'zone' | 'policyModules' | 'observe'
>;

export interface ThreadsOptions {
  /** The module that a data thread runs. */
  readonly entry: URL;
  /** The first thread, begun ahead; it runs that module, too. */
  readonly early?: EarlyThread | undefined;
  readonly listen: readonly string[];
  /** Listeners that speak TLS; none when left out. */
  readonly secure?: readonly SecureListen[];
  /** Other processes may listen on the same TCP ports; false when left out. */
  readonly reusePort?: boolean;
  readonly arena: CounterArena;
  readonly clock: Clock;
  readonly log: Log;
  /** What a thread that starts now must know; asked again when one is restarted. */
  readonly state: () => ThreadState;
  /** Rare events of a thread, other than the ones handled here. */
  readonly event: (thread: number, event: FromDataThread) => void;
  /** A thread died: what it still owed will not come. */
  readonly died: (thread: number) => void;
}

/** A thread that dies again and again is restarted after this long, twice as long each time, in milliseconds. */
const FIRST_RESTART_DELAY = 100;
const MAX_RESTART_DELAY = 5_000;
/** A thread that ran this long before it died starts over at once. */
const STABLE_AFTER = 60_000;
interface DataThread {
  worker: Worker | null;
  restarts: number;
  startedAt: number;
  /** Deaths in a row, each soon after a start. */
  failures: number;
  /** The one that runs now has said where it listens. */
  listening: boolean;
}

/**
 * Starts the data threads, feeds them, and starts them again when they die:
 *
 *     launched -- listening --> serving -- drain --> draining -- drained, or died --> ended
 *       |  ^                       |
 *       |  +------ delay ----------+ died
 *       +--> died before start() had its answer: it rejects
 */
export class DataThreads {
  readonly #options: ThreadsOptions;
  readonly #threads: DataThread[] = [];
  /** The addresses in use: known once the first thread listens, and used by all others. */
  #listen: readonly string[];
  #secure: readonly SecureListen[];
  /** Takes no new requests any more, for good: how long those in flight may take, in milliseconds. Null until it is told to. */
  #draining: number | null = null;
  #stopping = false;
  #drained = new Map<number, () => void>();

  constructor(options: ThreadsOptions) {
    this.#options = options;
    this.#listen = options.listen;
    this.#secure = options.secure ?? [];
    options.arena.onSegment((thread, segment) => this.send(thread, { kind: 'segment', segment }));
  }

  /**
   * Starts one thread per counter set of the arena; resolves to the addresses they listen on. Rejects with `listen_failed`, or with
   * `data_thread_failed` when a thread ends before it listens.
   */
  async start(): Promise<readonly string[]> {
    for (let index = 0; index < this.#options.arena.threads && !this.#stopping; index++) {
      this.#threads.push({ worker: null, restarts: 0, startedAt: 0, failures: 0, listening: false });
      const { addresses, secure = [] } = await this.#launch(index);
      if (index === 0) {
        this.#listen = addresses;
        this.#secure = this.#secure.map((listen, at) => ({ ...listen, address: secure[at] ?? listen.address }));
      }
    }
    return this.#listen;
  }

  /** The addresses in use by the listeners that speak TLS, in the order of the options. */
  get secure(): readonly string[] {
    return this.#secure.map(({ address }) => address);
  }

  /** How often each thread was restarted. */
  restarts(): readonly number[] {
    return this.#threads.map((thread) => thread.restarts);
  }

  /** The threads that run now. */
  running(): number[] {
    return this.#threads.flatMap((thread, index) => (thread.worker === null ? [] : [index]));
  }

  send(thread: number, message: ToDataThread): void {
    this.#threads[thread]?.worker?.postMessage(message);
  }

  broadcast(message: ToDataThread): void {
    for (const thread of this.#threads) thread.worker?.postMessage(message);
  }

  /** Takes no new requests from now on; those in flight may finish for `graceMs`. A thread that dies meanwhile is not restarted. */
  drain(graceMs: number): void {
    this.#draining = graceMs;
    this.broadcast({ kind: 'drain', graceMs });
  }

  /** Lets every thread finish its requests for `graceMs` and then ends it. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    this.#draining = graceMs;
    await Promise.all(this.#threads.map((_, index) => this.#drain(index, graceMs)));
    await Promise.all(this.#threads.flatMap(({ worker }) => (worker === null ? [] : [worker.terminate()])));
  }

  async #drain(index: number, graceMs: number): Promise<void> {
    if (this.#threads[index]?.worker == null) return;
    let cancel = (): void => {};
    await new Promise<void>((resolve) => {
      this.#drained.set(index, resolve);
      // A thread that hangs must not keep the process.
      cancel = this.#options.clock.after(graceMs + 1_000, resolve);
      this.send(index, { kind: 'drain', graceMs });
    });
    cancel();
  }

  #launch(index: number): Promise<Listening> {
    const { entry, early, arena, state, reusePort = false } = this.#options;
    const thread = this.#threads[index] as DataThread;
    const start: DataThreadStart = {
      index,
      // Threads can share a TCP port, but not a socket file: those are the first thread's.
      listen: index === 0 ? this.#listen : this.#listen.filter((address) => !address.startsWith('unix:')),
      ...(this.#secure.length === 0
        ? {}
        : { secure: index === 0 ? this.#secure : this.#secure.filter(({ address }) => !address.startsWith('unix:')) }),
      reusePort: reusePort || arena.threads > 1,
      segments: arena.segments(index),
      ...state(),
    };
    const worker = (index === 0 ? early?.take() : null) ?? spawnDataThread(entry, index);
    worker.postMessage(start);
    thread.worker = worker;
    thread.listening = false;
    thread.startedAt = this.#options.clock.now();
    let failure: Failure = { reason: 'it ended by itself', hint: null };
    return new Promise((resolve, reject) => {
      worker.on('error', (error) => {
        failure = { reason: error instanceof Error ? (error.stack ?? error.message) : String(error), hint: null };
      });
      worker.on('exit', () => {
        thread.worker = null;
        this.#drained.get(index)?.();
        if (thread.listening || thread.restarts > 0) this.#onDeath(index, failure);
        else reject(failure.error ?? threadFailed(index, failure.reason));
      });
      worker.on('message', (event: FromDataThread) => {
        if (event.kind === 'listening') {
          thread.listening = true;
          // It may have been told to drain before it had anything to close.
          if (this.#draining !== null) this.send(index, { kind: 'drain', graceMs: this.#draining });
          resolve(event);
        } else if (event.kind === 'listen_failed') {
          const error = listenFailed(event.address, event.code, event.message);
          failure = { reason: error.message, hint: error.hint, error };
          void worker.terminate();
        } else if (event.kind === 'drained') this.#drained.get(index)?.();
        else this.#options.event(index, event);
      });
    });
  }

  #onDeath(index: number, { reason, hint }: Failure): void {
    if (this.#stopping) return;
    const { clock, log, arena, died } = this.#options;
    const thread = this.#threads[index] as DataThread;
    died(index);
    arena.resetThread(index);
    if (this.#draining !== null) {
      log.error('A data thread died while it drained; the requests it carried were lost.', { thread: index, reason });
      return;
    }
    thread.restarts++;
    thread.failures = clock.now() - thread.startedAt > STABLE_AFTER ? 0 : thread.failures + 1;
    // The first time at once: clients are waiting. One that could not even listen will hardly fare better in the next moment.
    const doublings = thread.failures - (thread.listening ? 2 : 1);
    const delay = doublings < 0 ? 0 : Math.min(MAX_RESTART_DELAY, FIRST_RESTART_DELAY * 2 ** doublings);
    const message = thread.listening
      ? 'A data thread died and is restarted; the requests it carried were lost.'
      : 'A data thread could not be restarted; it is tried again.';
    log.error(message, { thread: index, restarts: thread.restarts, delay_ms: delay, reason, hint: hint ?? undefined });
    clock.after(delay, () => {
      if (this.#draining !== null) return;
      this.#launch(index).catch(() => {}); // Only the first launch rejects.
    });
  }
}

/** What a data thread says when it listens. */
type Listening = Extract<FromDataThread, { kind: 'listening' }>;

/** Why a data thread ended. */
interface Failure {
  readonly reason: string;
  readonly hint: string | null;
  readonly error?: OutriggerError;
}

function threadFailed(index: number, reason: string): OutriggerError {
  return new OutriggerError('data_thread_failed', `data thread ${index} ended before it could listen: ${reason}`, {
    hint: 'the reason above is an error inside Outrigger, or of what it may use (memory, threads): please report it',
  });
}

/** What becomes of an address that cannot be listened on; `code` and `message` are the system's. */
export function listenFailed(address: string, code: string, message: string): OutriggerError {
  const port = /:(\d+)$/.exec(address)?.[1];
  const change = 'choose another address with "listen" (--listen)';
  const words: Record<string, string> = {
    EADDRINUSE: 'the address is in use',
    EACCES: 'permission denied',
    EADDRNOTAVAIL: 'this machine has no such address',
  };
  const hints: Record<string, string> = {
    EADDRINUSE:
      port === undefined
        ? `"ss -lxp" shows which process serves the socket: end it, or ${change}`
        : `"ss -ltnp 'sport = :${port}'" shows which process holds the port: end it, or ${change}`,
    EACCES:
      port === undefined
        ? `make the directory writable for this user, or ${change}`
        : 'ports below 1024 need a privilege: choose a higher one with "listen" (--listen)',
    EADDRNOTAVAIL: 'check "listen" (--listen)',
    ENOTSOCK:
      'only a socket that nobody uses is replaced: move the file away, or choose another path with "listen" (--listen)',
  };
  return new OutriggerError('listen_failed', `cannot listen on ${address}: ${words[code] ?? message}`, {
    hint: hints[code] ?? 'check "listen" (--listen)',
  });
}
