import type { Explanation } from '../model/explain.ts';
import type { Output } from './check_print.ts';
import type { ExplainCommand } from './explain/command.ts';
import { explanationText } from './explain/print.ts';
import { askSidecar, findAdmin, knownText } from './sidecar_answer.ts';

/**
 * The `explain` command: asks the running sidecar what it would do with a request, and prints it. Resolves with the exit code: 0; 1 when no
 * sidecar answers, or the request would get an error; 2 for a bad config or address.
 */
export async function runExplain(command: ExplainCommand, output: Output): Promise<number> {
  const admin = await findAdmin(command.admin, command.config, output);
  if (typeof admin === 'number') return admin;
  const query = new URLSearchParams({ service: command.service, path: command.path });
  for (const header of command.headers) query.append('header', header);
  const answer = await askSidecar(admin, `/explain?${query}`, output);
  if (answer === null) return 1;
  const explanation = answer as Explanation;
  if (command.json) output.out(`${JSON.stringify(explanation, null, 2)}\n`);
  else output.out(explanationText(explanation, Date.now(), output.color));
  if (explanation.error?.reason === 'no_route' && !command.json) {
    const services = await askSidecar(admin, '/services', output);
    if (Array.isArray(services)) output.err(`  hint: ${knownText(services)}\n`);
  }
  return explanation.error === null ? 0 : 1;
}
