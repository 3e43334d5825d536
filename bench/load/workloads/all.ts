import { W2B } from './fixed_rate.ts';
import { W5 } from './grpc_calls.ts';
import { W6 } from './memory.ts';
import { W8 } from './picks.ts';
import { W7 } from './registry.ts';
import { W1, W1L, W1T, W2, W3, W4, W9 } from './requests.ts';
import { SCRAPE } from './scrape.ts';
import { SOAK } from './soak.ts';
import { START } from './start.ts';
import type { Workload } from './workload.ts';

/** Every workload, in the order in which they run and stand in the table. */
export const WORKLOADS: readonly Workload[] = [
  W1,
  W1T,
  W1L,
  W2,
  ...W2B,
  W3,
  W4,
  ...W5,
  W9,
  START,
  W6,
  W7,
  W8,
  SCRAPE,
  SOAK,
];
