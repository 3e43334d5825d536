import { OutriggerError } from '../base/errors.ts';
import type { Config } from '../config/config.ts';
import type { Problem } from '../config/problem.ts';
import { loadCertificates, validityProblem } from '../control/certificates/load.ts';

/** Every `tls` whose files cannot be used now, as a problem of the config. */
export async function certificateProblems(config: Config, now: number): Promise<Problem[]> {
  const problems: Problem[] = [];
  for (const files of config.certificates) {
    try {
      const problem = validityProblem(files, await loadCertificates(files), now);
      if (problem !== null) throw problem;
    } catch (error) {
      if (!(error instanceof OutriggerError)) throw error;
      // Its message begins with the key.
      problems.push({ at: { kind: 'none' }, key: '', message: error.message, hint: error.hint });
    }
  }
  return problems;
}
