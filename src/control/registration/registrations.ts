import type { RegisterOptions } from '../../config/register_options.ts';
import { RegisteredApp, type RegisteredAppDeps, type RegistrationStatus } from './registered_app.ts';

/** Everything that `register:` lists. */
export interface Registrations {
  statuses(): readonly RegistrationStatus[];
  /**
   * Takes everything out, all at a time; the first thing to do when told to stop, since whoever finds the app afterwards finds it
   * gone. Resolves within a few seconds, whatever the registries do. Never rejects.
   */
  stop(): Promise<void>;
}

/** Starts to keep the apps of `register:` registered. Never throws: what is wrong is told by log and statuses. */
export function startRegistrations(entries: readonly RegisterOptions[], deps: RegisteredAppDeps): Registrations {
  const apps = entries.map((entry) => new RegisteredApp(entry, deps));
  let stopping: Promise<unknown> | null = null;
  return {
    statuses: () => apps.map(({ status }) => status),
    async stop() {
      stopping ??= Promise.all(apps.map((app) => app.stop()));
      await stopping;
    },
  };
}
