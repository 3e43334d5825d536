import { resolve as resolvePath } from 'node:path';
import { BALANCE_POLICIES, type Balance, type ModulePath } from '../model/balancing.ts';

/**
 * What `balance:` means: a policy of ours, or where a module lies.
 * @param directory what relative paths are relative to
 */
export function resolveBalance(balance: string, directory: string): Balance {
  const policy = BALANCE_POLICIES.find((name) => name === balance);
  return policy ?? (resolvePath(directory, balance) as ModulePath);
}
