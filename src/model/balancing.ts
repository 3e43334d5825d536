/** How an instance is picked among those that may serve a request. */
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
