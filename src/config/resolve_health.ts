import type { RegistrationHealthOptions, ServiceHealthOptions } from './health_options.ts';
import {
  checkOf,
  REGISTRATION_HEALTH_TCP,
  type RegistrationHealthInput,
  SERVICE_HEALTH_TCP,
  type ServiceHealthInput,
} from './schema_health.ts';

export function resolveServiceHealth(input: ServiceHealthInput): ServiceHealthOptions | null {
  if (input === null) return null;
  const { interval, timeout, rise, fall, port, keep, ...check } = input === 'tcp' ? SERVICE_HEALTH_TCP : input;
  return { check: checkOf(check), interval, timeout, rise, fall, port, keep: keep === 'off' ? 0 : keep };
}

export function resolveRegistrationHealth(input: RegistrationHealthInput): RegistrationHealthOptions | null {
  if (input === 'off') return null;
  const { interval, timeout, rise, fall, address, ...check } = input === 'tcp' ? REGISTRATION_HEALTH_TCP : input;
  return { check: checkOf(check), interval, timeout, rise, fall, address };
}
