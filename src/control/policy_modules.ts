import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock } from '../base/clock.ts';
import type { Config } from '../config/config.ts';
import { isModulePath, type ModulePath, type PolicyModule } from '../model/balancing.ts';
import type { ServiceSettings } from '../model/service.ts';
import type { ToDataThread } from '../model/snapshot.ts';
import { DirectoryWatch } from './files/directory_watch.ts';

export interface PolicyModulesDeps {
  readonly clock: Clock;
  readonly broadcast: (message: ToDataThread) => void;
}

interface Followed {
  /** Of the file when it was last looked at: empty when there was none, null before. */
  fingerprint: string | null;
  revision: number;
  readonly watch: DirectoryWatch;
}

/**
 * Follows the files of the policies of the user's own, and tells the data threads, which load them, when one is another. What a module
 * imports itself is not followed.
 */
export class PolicyModules {
  readonly #deps: PolicyModulesDeps;
  readonly #followed = new Map<ModulePath, Followed>();
  /** Of all modules together: one that is followed again must be loaded again. */
  #revisions = 0;

  constructor(deps: PolicyModulesDeps) {
    this.#deps = deps;
  }

  /** Follows these from now on; data threads that run are told of those that are new. */
  follow(paths: Iterable<ModulePath>): void {
    const wanted = new Set(paths);
    for (const [path, { watch }] of this.#followed) {
      if (wanted.has(path)) continue;
      watch.close();
      this.#followed.delete(path);
    }
    for (const path of wanted) {
      if (this.#followed.has(path)) continue;
      const watch = new DirectoryWatch(this.#deps.clock, () => {
        // The directory itself may be another one by now.
        void watch.attach(dirname(path)).then(() => this.#look(path));
      });
      this.#followed.set(path, { fingerprint: null, revision: ++this.#revisions, watch });
      void watch.attach(dirname(path)).then(() => this.#look(path));
      this.#tell(path);
    }
  }

  /** For a data thread that starts. */
  modules(): PolicyModule[] {
    return Array.from(this.#followed, ([path, { revision }]) => ({ path, revision }));
  }

  close(): void {
    this.follow([]);
  }

  async #look(path: ModulePath): Promise<void> {
    const found = await stat(path).catch(() => null);
    const followed = this.#followed.get(path);
    if (followed === undefined) return;
    const fingerprint = found === null ? '' : `${found.dev}:${found.ino}:${found.size}:${found.mtimeMs}`;
    const before = followed.fingerprint;
    followed.fingerprint = fingerprint;
    // One that is gone stays as it was loaded.
    if (before === null || before === fingerprint || found === null) return;
    followed.revision = ++this.#revisions;
    this.#tell(path);
  }

  #tell(path: ModulePath): void {
    const revision = this.#followed.get(path)?.revision ?? 0;
    this.#deps.broadcast({ kind: 'policy_module', module: { path, revision } });
  }
}

/** The modules that services of `config` name. */
export function policyModulesOf(config: Config): Set<ModulePath> {
  const paths = new Set<ModulePath>();
  const add = (settings: ServiceSettings): void => {
    for (const { balance } of [settings, ...Object.values(settings.methods)])
      if (isModulePath(balance)) paths.add(balance);
  };
  for (const { settings } of config.services.values()) add(settings);
  if (config.discover !== null) add(config.discover.settings);
  return paths;
}
