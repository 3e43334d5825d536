import type { Fault } from '../fault.ts';
import { ANSWER_FAULTS } from './answers.ts';
import { CONTROL_FAULTS } from './control.ts';
import { NETWORK_FAULTS } from './network.ts';
import { PROCESS_FAULTS } from './processes.ts';
import { TOGETHER } from './together.ts';

/** Every fault, one at a time, and then several together. */
export const FAULTS: readonly Fault[] = [
  ...PROCESS_FAULTS,
  ...NETWORK_FAULTS,
  ...ANSWER_FAULTS,
  ...CONTROL_FAULTS,
  TOGETHER,
];
