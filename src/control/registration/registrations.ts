import { isDeepStrictEqual } from 'node:util';
import type { RegisterOptions } from '../../config/register_options.ts';
import { RegisteredApp, type RegisteredAppDeps, type RegistrationStatus } from './registered_app.ts';

/** Everything that `register:` lists. */
export interface Registrations {
  statuses(): readonly RegistrationStatus[];
  /** Another list: what is not in it any more is taken out, what is new is put in, the rest is left alone. */
  apply(entries: readonly RegisterOptions[], registries: RegisteredAppDeps['registries']): Promise<void>;
  /**
   * Takes everything out, all at a time; the first thing to do when told to stop, since whoever finds the app afterwards finds it
   * gone. Resolves within a few seconds, whatever the registries do. Never rejects.
   */
  stop(): Promise<void>;
}

/** Starts to keep the apps of `register:` registered. Never throws: what is wrong is told by log and statuses. */
export function startRegistrations(entries: readonly RegisterOptions[], deps: RegisteredAppDeps): Registrations {
  let apps = entries.map((entry) => ({ entry, app: new RegisteredApp(entry, deps) }));
  let stopping: Promise<unknown> | null = null;
  return {
    statuses: () => apps.map(({ app }) => app.status),
    async apply(next, registries) {
      if (stopping !== null) return;
      const isSame = (a: RegisterOptions, b: RegisterOptions): boolean =>
        isDeepStrictEqual(a, b) && isDeepStrictEqual(deps.registries.get(a.registry), registries.get(b.registry));
      const gone = apps.filter(({ entry }) => !next.some((other) => isSame(entry, other)));
      const before = apps.filter((app) => !gone.includes(app));
      // The same place may be meant by both: out first.
      await Promise.all(gone.map(({ app }) => app.stop()));
      apps = next.map((entry) => {
        const known = before.find((other) => isSame(other.entry, entry));
        return known ?? { entry, app: new RegisteredApp(entry, { ...deps, registries }) };
      });
    },
    async stop() {
      stopping ??= Promise.all(apps.map(({ app }) => app.stop()));
      await stopping;
    },
  };
}
