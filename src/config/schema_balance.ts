import * as z from 'zod';
import { BALANCE_POLICIES, MODULE_ENDINGS } from '../model/balancing.ts';
import { didYouMean } from './suggest.ts';

const EXPECTED = `one of ${BALANCE_POLICIES.join(', ')}, or a module of your own such as ./my_policy.ts`;

const isPolicy = (value: string): boolean =>
  (BALANCE_POLICIES as readonly string[]).includes(value) || MODULE_ENDINGS.some((ending) => value.endsWith(ending));

/** What `balance:` may be: the name of a policy, or the path of a module. */
export const balance = z
  .string({ error: EXPECTED })
  .meta({ anyOf: [{ enum: [...BALANCE_POLICIES] }, { pattern: '\\.(js|mjs|ts)$' }] })
  .superRefine((value, context) => {
    if (isPolicy(value)) return;
    context.addIssue({ code: 'custom', message: EXPECTED, params: { hint: didYouMean(value, BALANCE_POLICIES) } });
  });
