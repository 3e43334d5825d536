/** How an instance is picked among those that may serve a request, by the name of a policy of ours. */
export const BALANCE_POLICIES = [
  'round_robin',
  'random',
  'pick_first',
  'weighted_round_robin',
  'weighted_random',
  'least_request',
  'peak_ewma',
  'ring_hash',
  'maglev',
  'orca',
] as const;
export type BalancePolicy = (typeof BALANCE_POLICIES)[number];

/** A policy of the user's own: the absolute path of a module whose default export is a `PickerFactory`. */
export type ModulePath = `/${string}`;

/** What `balance:` says. */
export type Balance = BalancePolicy | ModulePath;

/** How the name of such a module ends. */
export const MODULE_ENDINGS = ['.js', '.mjs', '.ts'] as const;

export function isModulePath(balance: Balance): balance is ModulePath {
  return balance.startsWith('/');
}

/** A module to be loaded: again, in place of the one before, when the revision is another. */
export interface PolicyModule {
  readonly path: ModulePath;
  readonly revision: number;
}
