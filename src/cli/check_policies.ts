import type { Config } from '../config/config.ts';
import type { Problem } from '../config/problem.ts';
import { policyModulesOf } from '../control/policy_modules.ts';
import { Load } from '../dataplane/balancing/load.ts';
import { LoadTable } from '../dataplane/balancing/load_table.ts';
import { ModulePolicies } from '../dataplane/balancing/module_policies.ts';
import type { LocalCandidate } from '../dataplane/balancing/picker.ts';
import type { ModulePath } from '../model/balancing.ts';

/** Picks that are tried, over sets of different sizes. */
const PICKS = 100;
const SIZES = [1, 2, 10] as const;
/** A module that waits for something at its top would hold the check up for ever; in milliseconds. */
const PATIENCE = 10_000;

/** Every policy of the user's own that cannot be used: each is loaded, and asked for some picks. */
export async function policyProblems(config: Config): Promise<Problem[]> {
  const problems: Problem[] = [];
  for (const path of policyModulesOf(config)) {
    const faults: string[] = [];
    const policies = new ModulePolicies({ onLoaded() {}, onNotLoaded() {}, onFault: (_, what) => faults.push(what) });
    const timeout = new Promise<void>((resolve) => setTimeout(resolve, PATIENCE).unref());
    const loaded = policies.load({ path, revision: 0 }).then(() => true);
    if ((await Promise.race([loaded, timeout])) === true) tryOut(policies, path);
    else faults.push(`it cannot be loaded: it takes longer than ${PATIENCE / 1000} s`);
    const hint = 'its default export makes pickers: config/my_policy.ts shows one, and says what it may rely on';
    for (const what of faults) {
      problems.push({ at: { kind: 'none' }, key: 'balance', message: `the policy ${path} is at fault: ${what}`, hint });
    }
  }
  return problems;
}

function tryOut(policies: ModulePolicies, path: ModulePath): void {
  const factory = policies.factory(path, () => {});
  const context = { random: Math.random, now: () => performance.now() };
  let picker = null;
  for (const size of SIZES) {
    picker = factory(candidates(size), picker, context);
    for (let i = 0; i < PICKS; i++) picker.pick(Math.floor(Math.random() * 2 ** 32));
  }
}

function candidates(count: number): LocalCandidate[] {
  const loads = new LoadTable();
  return Array.from({ length: count }, (_, index) => ({
    id: `127.0.0.1:${50_000 + index}`,
    weight: 1 + (index % 3),
    inFlight: index % 2,
    load: new Load(loads),
  }));
}
