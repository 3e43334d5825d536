import type { ServiceJson } from '../../admin/services_json.ts';
import { describeError } from '../../base/errors.ts';
import type { Output } from '../check_print.ts';
import { findAdmin, knownText } from '../sidecar_answer.ts';
import { adminGet } from './admin_request.ts';
import type { ServicesCommand, ServicesSource } from './command.ts';
import { servicesText } from './sidecar_print.ts';

type FromSidecar = Extract<ServicesSource, { readonly kind: 'sidecar' }>;

/**
 * `outrigger services`: asks the running sidecar what it knows. Resolves with the exit code: 0; 1 when no sidecar answers or it does not
 * know the service; 2 for a bad config or address.
 */
export async function listSidecar(command: ServicesCommand, from: FromSidecar, output: Output): Promise<number> {
  const admin = await findAdmin(from.admin, command.config, output);
  if (typeof admin === 'number') return admin;
  const fail = (message: string, hint: string): number => {
    output.err(`${message}\n  hint: ${hint}\n`);
    return 1;
  };
  let answer: { readonly status: number; readonly body: string };
  try {
    answer = await adminGet(admin.target, '/services');
  } catch (error) {
    const hint = 'start one with "outrigger run", or say where its admin address is: --admin host:port';
    return fail(`no sidecar answers at ${admin.text}: ${describeError(error)}`, hint);
  }
  const all = answer.status === 200 ? servicesOf(answer.body) : null;
  if (all === null) {
    const hint = 'say where the admin address of the sidecar is: --admin host:port';
    return fail(`what answers at ${admin.text} is not the admin server of a sidecar (status ${answer.status})`, hint);
  }
  const services = from.service === null ? all : all.filter(({ name }) => name === from.service);
  if (from.service !== null && services.length === 0) {
    return fail(`the sidecar at ${admin.text} knows no service "${from.service}"`, knownText(all));
  }
  if (!command.json) output.out(servicesText(services));
  else output.out(from.service === null ? `${answer.body.trimEnd()}\n` : `${JSON.stringify(services, null, 2)}\n`);
  return 0;
}

/** The list that `GET /services` gives; null when it is something else. */
function servicesOf(body: string): ServiceJson[] | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return null;
  }
  const isService = (entry: unknown): entry is ServiceJson =>
    typeof entry === 'object' &&
    entry !== null &&
    'name' in entry &&
    'instances' in entry &&
    Array.isArray(entry.instances);
  return Array.isArray(parsed) && parsed.every(isService) ? parsed : null;
}
