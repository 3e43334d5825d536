import { pathToFileURL } from 'node:url';
import type { ModulePath, PolicyModule } from '../../model/balancing.ts';
import { ModulePicker } from './module_picker.ts';
import type { Candidate, PickerFactory } from './picker.ts';
import { RoundRobin } from './round_robin.ts';

/** What becomes of the modules. */
export interface ModuleEvents {
  /** Pickers that were made by it, or in its absence, should be made anew. */
  onLoaded(path: ModulePath): void;
  /** It is not what it should be: `what` says in which way. Once per module and kind of fault, until it is loaded again. */
  onFault(path: ModulePath, what: string): void;
  /** It cannot be loaded: every service that wanted it has a fault. What was loaded before stays in use. */
  onNotLoaded(path: ModulePath): void;
}

interface Module {
  /** Null until it is loaded. */
  factory: PickerFactory<Candidate> | null;
  /** The one that was asked for last. */
  revision: number;
  /** Faults that have been told. */
  readonly told: Set<string>;
}

/**
 * Policies of the user's own, as modules that are loaded into this thread. As long as one is not loaded, and whenever it does something
 * wrong, round robin takes over.
 */
export class ModulePolicies {
  readonly #events: ModuleEvents;
  readonly #modules = new Map<ModulePath, Module>();

  constructor(events: ModuleEvents) {
    this.#events = events;
  }

  /** Loads a module, or loads it again; never rejects. */
  async load({ path, revision }: PolicyModule): Promise<void> {
    const module = this.#module(path);
    if (revision <= module.revision) return;
    module.revision = revision;
    let factory: PickerFactory<Candidate> | null = null;
    let problem = '';
    try {
      factory = await importPolicy(path, revision);
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error);
    }
    // Another one has been asked for meanwhile.
    if (module.revision !== revision) return;
    module.told.clear();
    if (factory === null) {
      this.#tell(module, path, `it cannot be loaded: ${problem}`);
      this.#events.onNotLoaded(path);
    } else {
      module.factory = factory;
      this.#events.onLoaded(path);
    }
  }

  /** Makes pickers by the module as it is at that moment; `fault` is called each time that round robin has to take over. */
  factory(path: ModulePath, fault: () => void): PickerFactory<Candidate> {
    const module = this.#module(path);
    return (candidates, previous, context) => {
      const spare = new RoundRobin(candidates, previous instanceof ModulePicker ? previous.spare : previous, context);
      const { factory } = module;
      if (factory === null) return spare;
      const failed = (kind: string, detail: string): void => {
        fault();
        this.#tell(module, path, kind, detail);
      };
      return new ModulePicker(factory, spare, candidates, previous, context, failed);
    };
  }

  #module(path: ModulePath): Module {
    const known = this.#modules.get(path);
    if (known !== undefined) return known;
    const module = { factory: null, revision: -1, told: new Set<string>() };
    this.#modules.set(path, module);
    return module;
  }

  #tell(module: Module, path: ModulePath, kind: string, detail = ''): void {
    if (module.told.has(kind)) return;
    module.told.add(kind);
    this.#events.onFault(path, kind + detail);
  }
}

/** The policy that the module at `path` exports; rejects with an Error that says what is wrong with it. Node keeps every revision. */
async function importPolicy(path: ModulePath, revision: number): Promise<PickerFactory<Candidate>> {
  const url = pathToFileURL(path);
  url.searchParams.set('revision', String(revision));
  const exported = (await import(url.href)) as { readonly default?: unknown };
  const factory = exported.default;
  if (typeof factory !== 'function') throw new Error('it has no default export that is a function');
  return factory as PickerFactory<Candidate>;
}
