import type { Registrant } from './record.ts';

/**
 * The metadata of a record whose format has no place of its own for these: each stands in it under its name, as text. A weight of 1 is what
 * readers assume, and a version or zone that there is none of says nothing.
 */
export function labelsFor(registrant: Registrant, ...names: ('version' | 'weight' | 'zone')[]): Record<string, string> {
  const labels: Record<string, string> = { ...registrant.metadata };
  for (const name of names) {
    const value = registrant[name];
    if (value !== null && !(name === 'weight' && value === 1)) labels[name] = String(value);
  }
  return labels;
}
