import { randomBytes } from 'node:crypto';
import { dirname } from 'node:path';
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

/**
 * Reads certificates and keys, follows their files, and tells the data threads: only here are files opened, and only what fits together is
 * passed on. Files that turn bad change nothing: what was read before stays in use.
 */
export class CertificateStore {
  readonly #deps: CertificateStoreDeps;
  readonly #entries: readonly Entry[];
  readonly #watches: DirectoryWatch[] = [];
  #ticketSecret: Buffer = randomBytes(TICKET_SECRET);
  #cancelTickets: () => void = () => {};
  #cancelSecondLook: (() => void) | null = null;
  #reading: Promise<void> | null = null;
  #again = false;
  #second = false;
  #closed = false;

  private constructor(entries: readonly Entry[], deps: CertificateStoreDeps) {
    this.#entries = entries;
    this.#deps = deps;
  }

  /** Reads everything for the first time and follows it from then on. Rejects with the OutriggerError of the first file that cannot be used. */
  static async open(certificates: readonly CertificateFiles[], deps: CertificateStoreDeps): Promise<CertificateStore> {
    const entries: Entry[] = [];
    for (const files of certificates) {
      const loaded = await loadCertificates(files);
      // The other side will say so as well; a sidecar that does not start helps nobody.
      const problem = validityProblem(files, loaded, deps.clock.now());
      if (problem !== null) deps.log.error('A certificate is not valid now.', fieldsOf(files, problem));
      entries.push({ files, loaded, reloads: 0, failures: 0, told: null });
    }
    const store = new CertificateStore(entries, deps);
    await store.#follow();
    return store;
  }

  /** For a data thread that starts. */
  start(): TlsStart {
    return { materials: this.#entries.map(({ loaded }) => loaded.material), ticketSecret: this.#ticketSecret };
  }

  /** What the files of a `tls:` hold now; undefined where there is none of that id. */
  material(id: string): TlsMaterial | undefined {
    return this.#entries.find(({ files }) => files.id === id)?.loaded.material;
  }

  metrics(): CertificateMetrics[] {
    return this.#entries.map(({ files: { id }, loaded, reloads, failures }) => ({
      name: id,
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
    for (const watch of this.#watches) watch.close();
    await this.#reading;
  }

  async #follow(): Promise<void> {
    const { clock } = this.#deps;
    const directories = new Set<string>();
    for (const { files } of this.#entries) {
      for (const path of [files.ca, files.cert, files.key]) if (path !== null) directories.add(dirname(path));
    }
    for (const directory of directories) {
      const watch: DirectoryWatch = new DirectoryWatch(clock, () => {
        // The directory itself may be another one by now.
        void watch.attach(directory).then(() => this.#look());
      });
      this.#watches.push(watch);
      await watch.attach(directory);
    }
    this.#renewTicketsLater();
  }

  #renewTicketsLater(): void {
    this.#cancelTickets = this.#deps.clock.after(TICKET_LIFE, () => {
      this.#ticketSecret = randomBytes(TICKET_SECRET);
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
        for (const entry of this.#entries) await this.#reload(entry, second);
      }
      this.#reading = null;
    })();
  }

  async #reload(entry: Entry, second: boolean): Promise<void> {
    const { clock, log, broadcast } = this.#deps;
    try {
      const material = await readCertificates(entry.files);
      if (this.#closed) return;
      if (sameMaterial(material, entry.loaded.material)) {
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
      if (this.#closed || describeError(error) === entry.told) return;
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

function sameMaterial(a: TlsMaterial, b: TlsMaterial): boolean {
  return a.ca === b.ca && a.cert === b.cert && a.key === b.key;
}

function fieldsOf({ id }: CertificateFiles, error: unknown): Record<string, string | undefined> {
  const hint = error instanceof OutriggerError ? (error.hint ?? undefined) : undefined;
  return { tls: id, reason: describeError(error), hint };
}
