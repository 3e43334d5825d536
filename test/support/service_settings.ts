import { loadConfig } from '../../src/config/load.ts';
import type { ServiceSettings } from '../../src/model/service.ts';

/** What a service gets from a config that says nothing of it but this (keys as in the file). */
export function serviceSettings(keys: Readonly<Record<string, unknown>> = {}): ServiceSettings {
  const text = JSON.stringify({
    registries: { main: { type: 'file', path: 'instances.yaml' } },
    services: { any: { path: '/services/', ...keys } },
  });
  const loaded = loadConfig({ file: { name: 'test', text, directory: '/' }, flags: {}, env: {}, cwd: '/' });
  if (loaded.kind !== 'config') throw new Error(JSON.stringify(loaded.problems));
  const service = loaded.config.services.get('any');
  if (service === undefined) throw new Error('the config has lost its service');
  return service.settings;
}

/** The defaults. */
export const SETTINGS: ServiceSettings = serviceSettings();
