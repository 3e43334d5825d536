import { parseAddress } from '../../../model/instance.ts';

/** Schemes that registering libraries put before `host:port`; what they promise (TLS or not) is the service's setting. */
const SCHEME = /^(?:https?|h2c?|grpcs?|tcp):\/\//i;

/** The address in the model's form, or null: surrounding space, a known scheme and a final slash do no harm. */
export function usableAddress(value: unknown): string | null {
  if (typeof value !== 'string') return null;
  const text = value.trim();
  const address = SCHEME.test(text) ? text.replace(SCHEME, '').replace(/\/$/, '') : text;
  return parseAddress(address) === null ? null : address;
}

/** How a value that is no address is shown in a problem: quoted and bounded. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}
