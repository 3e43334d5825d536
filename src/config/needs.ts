import type { ServiceSettings } from '../model/service.ts';

/** The settings of a service that the app needs in a certain version (undefined: in none). */
export function withNeeds(settings: ServiceSettings, version: string | undefined): ServiceSettings {
  if (version === undefined) return settings;
  return { ...settings, version: { ...settings.version, default: version, weights: null, sticky: null } };
}
