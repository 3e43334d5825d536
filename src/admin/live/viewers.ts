import type { Clock } from '../../base/clock.ts';
import { describeError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { JournalEntry } from '../../control/journal.ts';
import { LATENCY_BOUNDS } from '../../model/counters.ts';
import type { AdminView } from '../admin_view.ts';
import { redact } from '../redact.ts';
import { type Answer, RefusedRequest, type StreamClient } from '../router.ts';
import { type Look, Sampler } from './sampler.ts';
import type { Change, Hello } from './wire.ts';

/** Pages open at a time; each costs what a tick costs to write. */
export const MOST_VIEWERS = 16;
/** In milliseconds. It is the heartbeat, too: a page that hears nothing for some of these is cut off. */
export const TICK = 1_000;
/** Changes within this time travel together, in milliseconds: a rack that fails is one entry that grows. */
export const CHANGES_TOGETHER = 50;
/** A page that leaves so many octets unread is told nothing until it has read them, then all anew. */
const MOST_WAITING = 1024 * 1024;
/** One that has read nothing for so many ticks is not there any more. */
const MOST_MISSED = 30;

interface Viewer {
  readonly client: StreamClient;
  /** Ticks in a row that it was not told. */
  missed: number;
}

export interface ViewersOptions {
  readonly view: AdminView;
  readonly clock: Clock;
  readonly log: Log;
  readonly version: string;
  /** What can be asked for, as `GET /explain`. */
  readonly can: () => readonly string[];
}

/** Those who listen to `GET /events`. Counters are read, and anything is kept, only while there are some. */
export class Viewers {
  readonly #options: ViewersOptions;
  /** Tells this process from the one before it; made when somebody asks, since it takes a start some milliseconds. */
  #process: string | null = null;
  readonly #viewers = new Set<Viewer>();
  #sampler: Sampler | null = null;
  #cancelTick: (() => void) | null = null;
  #cancelJournal: (() => void) | null = null;
  /** Changes that are about to be told, by number. */
  readonly #changes = new Map<number, JournalEntry>();
  #cancelChanges: (() => void) | null = null;

  constructor(options: ViewersOptions) {
    this.#options = options;
  }

  /** The answer to `GET /events`. Throws a RefusedRequest when there are too many already. */
  answer(): Answer {
    if (this.#viewers.size >= MOST_VIEWERS) {
      const message = `${MOST_VIEWERS} pages are listening already`;
      throw new RefusedRequest(503, { error: 'too_many_viewers', message, hint: 'Close one of them, and try again.' });
    }
    return {
      status: 200,
      type: 'text/event-stream; charset=utf-8',
      body: '',
      stream: (client) => this.#join(client),
    };
  }

  #join(client: StreamClient): () => void {
    const viewer: Viewer = { client, missed: 0 };
    this.#viewers.add(viewer);
    this.#sampler ??= this.#start();
    this.#greet(viewer);
    return () => {
      this.#viewers.delete(viewer);
      if (this.#viewers.size === 0) this.#stop();
    };
  }

  #start(): Sampler {
    const { view, clock } = this.#options;
    this.#cancelJournal = view.journal?.onEntry((entry) => this.#changed(entry)) ?? null;
    const next = (): void => {
      this.#cancelTick = clock.after(TICK, () => {
        next();
        this.#tick();
      });
    };
    next();
    return new Sampler(view);
  }

  #stop(): void {
    this.#cancelTick?.();
    this.#cancelJournal?.();
    this.#cancelChanges?.();
    this.#changes.clear();
    this.#cancelChanges = null;
    this.#cancelTick = null;
    this.#cancelJournal = null;
    this.#sampler = null;
  }

  #changed(entry: JournalEntry): void {
    this.#changes.set(entry.id, entry);
    this.#cancelChanges ??= this.#options.clock.after(CHANGES_TOGETHER, () => {
      this.#cancelChanges = null;
      const text = Array.from(this.#changes.values(), (change) => event('change', shown(change))).join('');
      this.#changes.clear();
      this.#tell(text);
    });
  }

  #tick(): void {
    const { log } = this.#options;
    try {
      const look = this.#sampler?.look();
      if (look === undefined) return;
      for (const viewer of this.#viewers) if (viewer.missed > 0 && viewer.client.waiting === 0) this.#greet(viewer);
      this.#tell(textOf(look));
    } catch (error) {
      log.error('Cannot tell the admin page how things are.', { error: describeError(error) });
      for (const viewer of this.#viewers) this.#end(viewer);
    }
  }

  #greet(viewer: Viewer): void {
    const { view, version, can } = this.#options;
    viewer.missed = 0;
    this.#process ??= crypto.randomUUID();
    const hello: Hello = { process: this.#process, version, at: view.now(), can: can(), bounds: LATENCY_BOUNDS };
    const journal = view.journal?.entries().map(shown) ?? [];
    const look = this.#sampler?.whole();
    viewer.client.write(event('hello', hello) + event('journal', journal) + (look === undefined ? '' : textOf(look)));
  }

  #tell(text: string): void {
    for (const viewer of this.#viewers) {
      const { client } = viewer;
      if (viewer.missed === 0 && client.waiting <= MOST_WAITING) client.write(text);
      else if (++viewer.missed > MOST_MISSED) this.#end(viewer);
    }
  }

  /** Nothing may be written to it any more. */
  #end(viewer: Viewer): void {
    this.#viewers.delete(viewer);
    viewer.client.end();
  }
}

function textOf({ described, tick }: Look): string {
  return described.map((service) => event('service', service)).join('') + event('tick', tick);
}

function shown({ id, at, kind, service, registry, instances, count, detail, times }: JournalEntry): Change {
  const why = detail === null ? null : String(redact(detail));
  return { id, at, kind, service, registry, instances, count, detail: why, times };
}

function event(name: string, data: unknown): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}
