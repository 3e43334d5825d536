import type { Instance, MethodSwitches } from '../../model/instance.ts';

/** What turns one set of instances into another. */
export interface SetDiff {
  readonly added: readonly Instance[];
  /** The new form of instances whose address was there before and whose record says something else now. */
  readonly changed: readonly Instance[];
  /** The old form of instances that are gone. */
  readonly removed: readonly Instance[];
}

/** Compares two sets by address; neither holds an address twice. */
export function diff(before: readonly Instance[], after: readonly Instance[]): SetDiff {
  const gone = new Map(before.map((instance) => [instance.address, instance]));
  const added: Instance[] = [];
  const changed: Instance[] = [];
  for (const instance of after) {
    const known = gone.get(instance.address);
    gone.delete(instance.address);
    if (known === undefined) added.push(instance);
    else if (!sameInstance(known, instance)) changed.push(instance);
  }
  return { added, changed, removed: [...gone.values()] };
}

/** True when the diff says that nothing happened. */
export function isEmpty({ added, changed, removed }: SetDiff): boolean {
  return added.length === 0 && changed.length === 0 && removed.length === 0;
}

/** Whether two records say the same. */
function sameInstance(a: Instance, b: Instance): boolean {
  if (a === b) return true;
  return (
    a.id === b.id &&
    a.address === b.address &&
    a.version === b.version &&
    a.weight === b.weight &&
    a.zone === b.zone &&
    sameLabels(a.metadata, b.metadata) &&
    sameMethods(a.methods, b.methods)
  );
}

function sameMethods(a: MethodSwitches = {}, b: MethodSwitches = {}): boolean {
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => {
      const other = Object.hasOwn(b, name) ? b[name] : undefined;
      return other !== undefined && other.online === a[name]?.online && other.limit === a[name]?.limit;
    })
  );
}

function sameLabels(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => Object.hasOwn(b, name) && a[name] === b[name]);
}
