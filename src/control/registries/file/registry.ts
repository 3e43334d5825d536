import type { Clock } from '../../../base/clock.ts';
import type { FileOptions } from '../../../config/registry_options.ts';
import { findFormat } from '../records/formats.ts';
import { refuseFormat } from '../refused.ts';
import type { Registry, RegistryListener, RegistryQuery, RegistryWatch } from '../registry.ts';
import { counted, newRegistryStats } from '../stats.ts';
import { answerOf } from './entries.ts';
import { checkFiles, FileSource, type FileState, serviceNames } from './source.ts';

/**
 * Reads instances from a YAML or JSON file, or from a directory of them (`parse.ts` shows what they look like). The last part of
 * a query's path names the service, so that `/services/book/` means the same here as in etcd.
 */
export function openFileRegistry(name: string, options: FileOptions, clock: Clock): Registry {
  const stats = newRegistryStats();
  const watches = new Set<(state: FileState) => void>();
  let source: FileSource | null = null;
  let closed = false;

  return {
    name,
    type: 'file',
    stats,
    watch(query: RegistryQuery, listener: RegistryListener): RegistryWatch {
      const format = findFormat(query.format);
      if (format === null) return refuseFormat(query, listener);
      if (closed) return { close: () => Promise.resolve() };
      const service = serviceOf(query);
      const own = counted(listener, stats, clock);
      const tell = ({ services, error }: FileState): void => {
        const entries = services.get(service);
        // A file that cannot be read may be the one that names the service: then nothing is known of it, not even that it is empty.
        if (entries !== undefined || error === null) own.set(answerOf(entries ?? [], format, query.protocol));
        if (error !== null) own.error(error);
      };
      watches.add(tell);
      source ??= new FileSource(options.path, clock, (state) => {
        for (const watch of [...watches]) watch(state);
      });
      queueMicrotask(() => {
        const state = source?.state ?? null;
        if (state !== null && watches.has(tell)) tell(state);
      });
      return {
        async close() {
          watches.delete(tell);
        },
      };
    },
    check: () => checkFiles(options.path),
    names: () => serviceNames(options.path),
    async close() {
      closed = true;
      watches.clear();
      await source?.close();
    },
  };
}

function serviceOf({ path, service }: RegistryQuery): string {
  return path.split('/').findLast((part) => part !== '') ?? service;
}
