import type { Clock } from '../../../base/clock.ts';
import { NO_AUTH, ZookeeperRefusal } from './errors.ts';
import type { Node, NodeSet } from './node_set.ts';
import { childPath } from './paths.ts';
import type { ZookeeperSession } from './session.ts';
import type { ZookeeperTiming } from './timing.ts';

/** Children that are read at the same time. */
const CONCURRENCY = 64;

interface ReadingDeps {
  readonly clock: Clock;
  readonly timing: ZookeeperTiming;
}

/**
 * Keeps a set of nodes like the children of one node for as long as a session lasts. A watch tells once, and that there is something
 * new, not what: so whatever it names is read again, which sets the watch anew. There is a watch on the list of children and one on
 * each child, since that list says nothing of what they hold.
 */
export class Reading {
  readonly #path: string;
  readonly #session: ZookeeperSession;
  readonly #nodes: NodeSet;
  readonly #deps: ReadingDeps;
  readonly #changed: () => void;
  readonly #known = new Set<string>();
  /** Children to read, those that may be gone among them. */
  readonly #due = new Set<string>();
  #listDue = true;
  #listedAt = 0;
  #wake: () => void = () => {};
  #stopResting: () => void = () => {};

  /** `changed` is called when all was read for the first time, and after each change. */
  constructor(path: string, session: ZookeeperSession, nodes: NodeSet, deps: ReadingDeps, changed: () => void) {
    this.#path = path;
    this.#session = session;
    this.#nodes = nodes;
    this.#deps = deps;
    this.#changed = changed;
  }

  /** Resolves when `signal` aborts; rejects when the session is over or the list of children may not be read. */
  async run(signal: AbortSignal): Promise<void> {
    let lost: Error | null = null;
    const wake = (): void => {
      this.#wake();
      if (signal.aborted || lost !== null) this.#stopResting();
    };
    void this.#session.over.then((cause) => {
      lost = cause;
      wake();
    });
    const leave = this.#session.follow(this.#path, (path) => this.#tell(path));
    signal.addEventListener('abort', wake);
    try {
      await this.#readAll();
      while (!signal.aborted) {
        if (lost !== null) throw lost;
        if (this.#listDue) await this.#list();
        else if (this.#due.size > 0) await this.#read((name, node) => this.#nodes.apply(name, node) && this.#changed());
        else
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
      }
    } finally {
      signal.removeEventListener('abort', wake);
      leave();
    }
  }

  #tell(path: string): void {
    if (path === this.#path) this.#listDue = true;
    else {
      const name = path.slice(childPath(this.#path, '').length);
      // What is not listed is read when it is.
      if (this.#known.has(name)) this.#due.add(name);
    }
    this.#wake();
  }

  /** All at once, so that a set is never told half. */
  async #readAll(): Promise<void> {
    const all = new Map<string, Node>();
    await this.#list();
    await this.#read((name, node) => {
      if (node !== null) all.set(name, node);
    });
    this.#nodes.replace(all);
    this.#changed();
  }

  async #list(): Promise<void> {
    // Each listing names all children, however few changed: one after the other would keep both sides busy.
    await this.#rest(this.#listedAt + this.#deps.timing.relist - this.#deps.clock.now());
    this.#listDue = false;
    const listed = new Set(await this.#session.children(this.#path));
    this.#listedAt = this.#deps.clock.now();
    for (const name of this.#known) {
      if (listed.has(name)) continue;
      this.#known.delete(name);
      this.#due.delete(name);
      if (this.#nodes.apply(name, null)) this.#changed();
    }
    for (const name of listed) {
      if (this.#known.has(name)) continue;
      this.#known.add(name);
      this.#due.add(name);
    }
  }

  /** Reads the children that are due now. */
  async #read(each: (name: string, node: Node | null) => void): Promise<void> {
    const names = [...this.#due];
    this.#due.clear();
    let next = 0;
    const lane = async (): Promise<void> => {
      for (let name = names[next++]; name !== undefined; name = names[next++]) {
        const node = await this.#readOne(name);
        if (this.#known.has(name)) each(name, node);
      }
    };
    await Promise.all(Array.from({ length: Math.min(CONCURRENCY, names.length) }, lane));
  }

  async #readOne(name: string): Promise<Node | null> {
    try {
      return await this.#session.data(childPath(this.#path, name));
    } catch (error) {
      if (error instanceof ZookeeperRefusal && error.code === NO_AUTH)
        return { refused: 'may not be read: its ACL does not name the user of this registry' };
      throw error;
    }
  }

  async #rest(ms: number): Promise<void> {
    if (ms <= 0) return;
    await new Promise<void>((resolve) => {
      // A wall clock may go back.
      const cancel = this.#deps.clock.after(Math.min(ms, this.#deps.timing.relist), resolve);
      this.#stopResting = () => {
        cancel();
        resolve();
      };
    });
    this.#stopResting = () => {};
  }
}
