import type { RegistrationHealthOptions, ServiceHealthOptions } from './health_options.ts';
import {
  checkOf,
  REGISTRATION_HEALTH_TCP,
  type RegistrationHealthInput,
  SERVICE_HEALTH_TCP,
  type ServiceHealthInput,
} from './schema_health.ts';

/** `hasTls`: the service has `tls`. */
export function resolveServiceHealth(input: ServiceHealthInput, hasTls: boolean): ServiceHealthOptions | null {
  if (input === null) return null;
  const { interval, timeout, rise, fall, port, keep, tls, ...given } = input === 'tcp' ? SERVICE_HEALTH_TCP : input;
  const check = checkOf(given);
  const secure = check.kind !== 'tcp' && hasTls && (tls ?? port === null);
  return { check, interval, timeout, rise, fall, port, secure, keep: keep === 'off' ? 0 : keep };
}

export function resolveRegistrationHealth(input: RegistrationHealthInput): RegistrationHealthOptions | null {
  if (input === 'off') return null;
  const { interval, timeout, rise, fall, address, ...check } = input === 'tcp' ? REGISTRATION_HEALTH_TCP : input;
  return { check: checkOf(check), interval, timeout, rise, fall, address };
}
