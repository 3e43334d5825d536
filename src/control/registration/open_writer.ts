import type { Clock } from '../../base/clock.ts';
import { OutriggerError } from '../../base/errors.ts';
import type { RegistryOptions } from '../../config/registry_options.ts';
import { WRITERS } from '../registries/records/formats.ts';
import { openConsulWriter } from './consul_writer.ts';
import { openEtcdWriter } from './etcd_writer.ts';
import type { Registration } from './registration.ts';
import type { RegistrationWriter, WriterDeps } from './writer.ts';

/**
 * The writer for one registration in one entry of `registries:`. Throws an OutriggerError when the record cannot be written down, or
 * the type of registry takes none; the config refuses the latter.
 */
export function openWriter(
  registry: string,
  options: RegistryOptions,
  registration: Registration,
  deps: WriterDeps,
  clock: Clock,
): RegistrationWriter {
  switch (options.type) {
    case 'etcd': {
      const encode = WRITERS[registration.format];
      if (encode === undefined)
        throw new OutriggerError('unknown_format', `no record format "${registration.format}" to register in`, {
          hint: `Use one of: ${Object.keys(WRITERS).join(', ')}.`,
        });
      return openEtcdWriter(
        { registry, etcd: options, ...encode(registration), ttlMs: registration.ttlMs },
        deps,
        clock,
      );
    }
    case 'consul':
      return openConsulWriter({ registry, consul: options, registration }, deps, clock);
    default:
      throw new OutriggerError(
        'not_registrable',
        `registry "${registry}" is of type ${options.type}: nobody registers there`,
        {
          hint: 'Name a registry of type etcd or consul.',
        },
      );
  }
}
