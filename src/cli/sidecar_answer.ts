import { describeError } from '../base/errors.ts';
import type { ConfigRequest } from '../config/read.ts';
import type { Target } from '../model/instance.ts';
import { type Output, problemsText } from './check_print.ts';
import { adminAddress } from './services/admin_address.ts';
import { adminGet } from './services/admin_request.ts';

/** Services named in a hint. */
const MOST_NAMED = 20;

/** The admin server of a running sidecar. */
export interface AdminServer {
  /** As it was written. */
  readonly text: string;
  readonly target: Target;
}

/** Finds it as `adminAddress` does; when that fails says why and gives the exit code. */
export async function findAdmin(
  given: string | null,
  config: ConfigRequest,
  output: Output,
): Promise<AdminServer | number> {
  const admin = await adminAddress(given, config);
  if (admin.kind === 'address') return admin;
  if (admin.kind === 'problems') {
    // The sidecar goes on with the config that it had: it can still be asked.
    const hint = 'a sidecar that runs can be asked all the same: --admin host:port';
    output.err(hinted(problemsText(admin.problems, output.color).trimEnd(), hint));
  } else output.err(hinted(admin.message, admin.hint));
  return 2;
}

/** What `GET path` answers, as JSON; when there is no such answer says why and gives null. */
export async function askSidecar(admin: AdminServer, path: string, output: Output): Promise<unknown> {
  let answer: { readonly status: number; readonly body: string };
  try {
    answer = await adminGet(admin.target, path);
  } catch (error) {
    output.err(nobodyThere(admin, error));
    return null;
  }
  const parsed = parsedJson(answer.body);
  if (answer.status === 200 && parsed !== null) return parsed;
  output.err(refused(admin, answer.status, parsed));
  return null;
}

/** The hint for who asked for a service that a sidecar does not know. */
export function knownText(services: readonly { readonly name: string }[]): string {
  const names = services.map(({ name }) => name).sort();
  if (names.length === 0) return 'it knows none yet; a service of `discover` appears when it is first called';
  const more = names.length > MOST_NAMED ? ` and ${names.length - MOST_NAMED} more` : '';
  return `it knows: ${names.slice(0, MOST_NAMED).join(', ')}${more}`;
}

/** `outrigger run` is not there, or somewhere else. */
export function nobodyThere(admin: AdminServer, error: unknown): string {
  const hint = 'start one with "outrigger run", or say where its admin address is: --admin host:port';
  return hinted(`no sidecar answers at ${admin.text}: ${describeError(error)}`, hint);
}

/** The problem that the admin server names (`admin/router.ts`), or that it is no admin server. */
export function refused(admin: AdminServer, status: number, parsed: unknown): string {
  if (typeof parsed === 'object' && parsed !== null && 'message' in parsed && status !== 404) {
    const hint = 'hint' in parsed ? String(parsed.hint) : null;
    return hinted(String(parsed.message), hint);
  }
  const hint = 'say where the admin address of the sidecar is: --admin host:port';
  return hinted(`what answers at ${admin.text} is not the admin server of such a sidecar (status ${status})`, hint);
}

export function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function hinted(message: string, hint: string | null): string {
  return hint === null ? `${message}\n` : `${message}\n  hint: ${hint}\n`;
}
