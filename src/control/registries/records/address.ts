import { OutriggerError } from '../../../base/errors.ts';
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

/** The address in the model's form of a record that has host and port apart, or null. */
export function joinedAddress(host: unknown, port: unknown): string | null {
  if (typeof host !== 'string' || !(typeof port === 'number' || typeof port === 'string')) return null;
  const name = host.trim();
  return usableAddress(`${name.includes(':') && !name.startsWith('[') ? `[${name}]` : name}:${port}`);
}

/** For formats that write host and port apart. Throws `record_unwritable` for a socket, which has neither. */
export function hostAndPort(address: string, format: string): { readonly host: string; readonly port: number } {
  const target = parseAddress(address);
  if (target !== null && 'host' in target) return target;
  throw new OutriggerError('record_unwritable', `a record of format ${format} cannot hold the address "${address}"`, {
    hint: 'Give host:port as the address, or choose another format.',
  });
}
