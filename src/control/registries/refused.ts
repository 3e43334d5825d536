import { OutriggerError } from '../../base/errors.ts';
import { FORMAT_NAMES } from './records/formats.ts';
import type { RegistryListener, RegistryQuery, RegistryWatch } from './registry.ts';

/** The watch of a query that names a format nobody knows: one error, and nothing after it. */
export function refuseFormat(query: RegistryQuery, listener: RegistryListener): RegistryWatch {
  const error = new OutriggerError('unknown_format', `service "${query.service}": no record format "${query.format}"`, {
    hint: `Use one of: ${FORMAT_NAMES.join(', ')}.`,
  });
  return refuse(error, listener);
}

/** The watch of a query that can never be answered: one error, and nothing after it. */
export function refuse(error: OutriggerError, listener: RegistryListener): RegistryWatch {
  let closed = false;
  queueMicrotask(() => {
    if (!closed) listener.error(error);
  });
  return {
    async close() {
      closed = true;
    },
  };
}
