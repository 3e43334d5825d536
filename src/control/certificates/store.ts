import { dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../../base/clock.ts';
import { describeError, OutriggerError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { CertificateFiles } from '../../config/tls_options.ts';
import type { ToDataThread } from '../../model/snapshot.ts';
import type { TlsMaterial, TlsStart } from '../../model/tls.ts';
import type { CertificateMetrics } from '../../observe/metrics_view.ts';
import { DirectoryWatch } from '../files/directory_watch.ts';
import {
  checkCertificates,
  type LoadedCertificates,
  loadCertificates,
  readCertificates,
  validityProblem,
} from './load.ts';

/**
 * Files are looked at once more after this long before they are called wrong: a certificate and its key are seldom replaced in one go, and in
 * between they do not fit. In milliseconds.
 */
const SECOND_LOOK = 1_000;
/** Session tickets are made with new keys this often, in milliseconds: who learns a key can read what was said under it. */
const TICKET_LIFE = 12 * 60 * 60 * 1_000;
const TICKET_SECRET = 32;

export interface CertificateStoreDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly broadcast: (message: ToDataThread) => void;
}

/** The files of one `tls:`, and what was last read from them. */
interface Entry {
  readonly files: CertificateFiles;
  loaded: LoadedCertificates;
  reloads: number;
  failures: number;
  /** What is wrong with the files since `loaded`; told once. */
  told: string | null;
}

/** What another config needs and the one in force has not: read and checked by a store, which may take it over. */
export type Prepared = readonly Pick<Entry, 'files' | 'loaded'>[];

/**
 * Reads certificates and keys, follows their files, and tells the data threads: only here are files opened, and only what fits together is
 * passed on. Files that turn bad change nothing: what was read before stays in use. Another config is taken over in three steps, since
 * nothing may be without its certificates in between:
 *
 *     prepare -- all can be used --> use -- nobody needs the others any more --> keepOnly
 *       +--> something is wrong: it rejects, and nothing has changed
 */
export class CertificateStore {
  readonly #deps: CertificateStoreDeps;
  /** By id. */
  readonly #entries = new Map<string, Entry>();
  /** By directory. */
  readonly #watches = new Map<string, DirectoryWatch>();
  #ticketSecret: Buffer = ticketSecret();
  #cancelTickets: () => void = () => {};
  #cancelSecondLook: (() => void) | null = null;
  #reading: Promise<void> | null = null;
  #again = false;
  #second = false;
  #closed = false;

  private constructor(deps: CertificateStoreDeps) {
    this.#deps = deps;
  }

  /** Reads everything for the first time and follows it from then on. Rejects with the OutriggerError of the first file that cannot be used. */
  static async open(certificates: readonly CertificateFiles[], deps: CertificateStoreDeps): Promise<CertificateStore> {
    const store = new CertificateStore(deps);
    for (const files of certificates) {
      const loaded = await loadCertificates(files);
      // The other side will say so as well; a sidecar that does not start helps nobody.
      const problem = validityProblem(files, loaded, deps.clock.now());
      if (problem !== null) deps.log.error('A certificate is not valid now.', fieldsOf(files, problem));
      store.#entries.set(files.id, { files, loaded, reloads: 0, failures: 0, told: null });
    }
    await store.#follow();
    store.#renewTicketsLater();
    return store;
  }

  /**
   * Reads what `certificates` has and is not in use. What is in use is not looked at: its files may be bad by now, and it goes on. Rejects
   * with an AggregateError of an OutriggerError for each `tls` that cannot be used; a certificate that is not valid now cannot.
   */
  async prepare(certificates: readonly CertificateFiles[]): Promise<Prepared> {
    const prepared: Pick<Entry, 'files' | 'loaded'>[] = [];
    const problems: unknown[] = [];
    for (const files of certificates) {
      if (isDeepStrictEqual(this.#entries.get(files.id)?.files, files)) continue;
      try {
        const loaded = await loadCertificates(files);
        const problem = validityProblem(files, loaded, this.#deps.clock.now());
        if (problem !== null) throw problem;
        prepared.push({ files, loaded });
      } catch (error) {
        problems.push(error);
      }
    }
    if (problems.length > 0) throw new AggregateError(problems, 'certificates cannot be used');
    return prepared;
  }

  /** Takes over what was prepared: the data threads are told before this returns its promise. Resolves when the files are followed. */
  async use(prepared: Prepared): Promise<void> {
    for (const { files, loaded } of prepared) {
      const before = this.#entries.get(files.id);
      const { reloads = 0, failures = 0 } = before ?? {};
      this.#entries.set(files.id, { files, loaded, reloads, failures, told: null });
      const { material } = loaded;
      if (!isDeepStrictEqual(before?.loaded.material, material)) {
        this.#deps.broadcast({ kind: 'tls_material', material });
      }
    }
    await this.#follow();
  }

  /** Forgets what `certificates` has not, here and in the data threads, and follows its files no more. */
  async keepOnly(certificates: readonly CertificateFiles[]): Promise<void> {
    const kept = new Set(certificates.map(({ id }) => id));
    for (const id of [...this.#entries.keys()]) {
      if (kept.has(id)) continue;
      this.#entries.delete(id);
      this.#deps.broadcast({ kind: 'tls_gone', id });
    }
    await this.#follow();
  }

  /** For a data thread that starts. */
  start(): TlsStart {
    const materials = Array.from(this.#entries.values(), ({ loaded }) => loaded.material);
    return { materials, ticketSecret: this.#ticketSecret };
  }

  /** What the files of a `tls:` hold now; undefined where there is none of that id. */
  material(id: string): TlsMaterial | undefined {
    return this.#entries.get(id)?.loaded.material;
  }

  metrics(): CertificateMetrics[] {
    return Array.from(this.#entries, ([name, { loaded, reloads, failures }]) => ({
      name,
      reloads,
      failures,
      expiresAt: loaded.validity?.to ?? null,
    }));
  }

  /** Resolves when nothing is read any more. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelTickets();
    this.#cancelSecondLook?.();
    for (const watch of this.#watches.values()) watch.close();
    await this.#reading;
  }

  /** Watches the directories of all files, and no others. */
  async #follow(): Promise<void> {
    const directories = new Set<string>();
    for (const { files } of this.#entries.values()) {
      for (const path of [files.ca, files.cert, files.key]) if (path !== null) directories.add(dirname(path));
    }
    for (const [directory, watch] of this.#watches) {
      if (directories.has(directory)) continue;
      watch.close();
      this.#watches.delete(directory);
    }
    for (const directory of directories) {
      if (this.#watches.has(directory)) continue;
      const watch: DirectoryWatch = new DirectoryWatch(this.#deps.clock, () => {
        // The directory itself may be another one by now.
        void watch.attach(directory).then(() => this.#look());
      });
      this.#watches.set(directory, watch);
      await watch.attach(directory);
    }
  }

  #renewTicketsLater(): void {
    this.#cancelTickets = this.#deps.clock.after(TICKET_LIFE, () => {
      this.#ticketSecret = ticketSecret();
      this.#deps.broadcast({ kind: 'ticket_secret', secret: this.#ticketSecret });
      this.#renewTicketsLater();
    });
  }

  /** One look at a time; what changes meanwhile is seen by one more. */
  #look(): void {
    if (this.#closed) return;
    this.#again = true;
    this.#reading ??= (async () => {
      while (this.#again && !this.#closed) {
        this.#again = false;
        const second = this.#second;
        this.#second = false;
        for (const entry of [...this.#entries.values()]) await this.#reload(entry, second);
      }
      this.#reading = null;
    })();
  }

  async #reload(entry: Entry, second: boolean): Promise<void> {
    const { clock, log, broadcast } = this.#deps;
    // Another config may have been taken over while its files were read.
    const isOver = (): boolean => this.#closed || this.#entries.get(entry.files.id) !== entry;
    try {
      const material = await readCertificates(entry.files);
      if (isOver()) return;
      if (isDeepStrictEqual(material, entry.loaded.material)) {
        entry.told = null;
        return;
      }
      const loaded = checkCertificates(entry.files, material);
      const problem = validityProblem(entry.files, loaded, clock.now());
      if (problem !== null) throw problem;
      entry.loaded = loaded;
      entry.told = null;
      entry.reloads++;
      broadcast({ kind: 'tls_material', material });
      const { validity } = loaded;
      const until = validity === null ? undefined : new Date(validity.to).toISOString();
      log.info('Certificates have changed: new connections use the new ones.', {
        tls: entry.files.id,
        valid_until: until,
      });
    } catch (error) {
      if (isOver() || describeError(error) === entry.told) return;
      if (!second) return this.#lookAgain();
      entry.told = describeError(error);
      entry.failures++;
      const message = 'Certificates have changed and cannot be used: those from before stay in use.';
      log.error(message, fieldsOf(entry.files, error));
    }
  }

  #lookAgain(): void {
    this.#cancelSecondLook ??= this.#deps.clock.after(SECOND_LOOK, () => {
      this.#cancelSecondLook = null;
      this.#second = true;
      this.#look();
    });
  }
}

function fieldsOf({ id }: CertificateFiles, error: unknown): Record<string, string | undefined> {
  const hint = error instanceof OutriggerError ? (error.hint ?? undefined) : undefined;
  return { tls: id, reason: describeError(error), hint };
}

function ticketSecret(): Buffer {
  // Only who speaks TLS needs it, and it takes a start some milliseconds.
  return process.getBuiltinModule('node:crypto').randomBytes(TICKET_SECRET);
}
