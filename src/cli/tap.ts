import { request } from 'node:http';
import { statusProblem } from '../admin/tap_filter.ts';
import type { RequestJson } from '../observe/request_line.ts';
import type { Output } from './check_print.ts';
import { adminGet } from './services/admin_request.ts';
import { type AdminServer, findAdmin, knownText, nobodyThere, parsedJson, refused } from './sidecar_answer.ts';
import type { TapCommand } from './tap/command.ts';
import { EventReader } from './tap/events.ts';
import { tapLine } from './tap/print.ts';

/** A sidecar says something at least every 15 s: one that is silent for longer is gone. In milliseconds. */
const SILENCE = 45_000;

/**
 * The `tap` command: prints requests as they end, until it is told to stop (Ctrl-C) or the sidecar ends. Resolves with the exit code: 0; 1 when no
 * sidecar answers or the connection to it is lost; 2 for a bad config, address or filter.
 */
export async function runTap(command: TapCommand, output: Output, stopped: AbortSignal): Promise<number> {
  const wrong = statusProblem(command.filters.status);
  if (wrong !== null) {
    output.err(`${wrong}\n  hint: --status 503, 5xx, a gRPC code (14 or UNAVAILABLE), or errors\n`);
    return 2;
  }
  const admin = await findAdmin(command.admin, command.config, output);
  if (typeof admin === 'number') return admin;
  const { service } = command.filters;
  if (service !== undefined) void warnOfUnknown(admin, service, output);
  return new Promise((resolve) => {
    const path = `/tap?${new URLSearchParams(command.filters)}`;
    const at =
      'path' in admin.target ? { socketPath: admin.target.path, headers: { host: 'localhost' } } : admin.target;
    const call = request({ ...at, path, agent: false, signal: stopped }, (response) => {
      const status = response.statusCode ?? 0;
      const reader = new EventReader();
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        if (status !== 200) body += chunk.slice(0, 10_000 - body.length);
        else for (const event of reader.read(chunk)) print(event.event, event.data, command.json, output);
      });
      response.on('error', (error) => resolve(lost(admin, error, stopped, output)));
      response.on('end', () => {
        if (status !== 200) output.err(refused(admin, status, parsedJson(body)));
        else output.err(`the sidecar at ${admin.text} has ended\n`);
        resolve(1);
      });
    });
    call.setTimeout(SILENCE, () => call.destroy(new Error(`nothing heard for ${SILENCE / 1_000} s`)));
    call.on('error', (error) => resolve(lost(admin, error, stopped, output)));
    call.end();
  });
}

/** Who asks for a service that is not there would wait in silence. It may still appear: waiting goes on. */
async function warnOfUnknown(admin: AdminServer, service: string, output: Output): Promise<void> {
  const answer = await adminGet(admin.target, '/services').catch(() => null);
  const services = answer?.status === 200 ? parsedJson(answer.body) : null;
  // Whoever answers otherwise is told of by the request for the stream.
  if (!Array.isArray(services) || services.some(({ name }) => name === service)) return;
  output.err(
    `the sidecar at ${admin.text} knows no service "${service}"; its requests are shown once it does\n  hint: ${knownText(services)}\n`,
  );
}

function lost(admin: AdminServer, error: Error, stopped: AbortSignal, output: Output): number {
  if (stopped.aborted) return 0;
  output.err(nobodyThere(admin, error));
  return 1;
}

function print(event: string, data: string, json: boolean, output: Output): void {
  if (event === 'missed') {
    const { missed } = JSON.parse(data) as { missed: number };
    output.err(`${missed} requests are missing: there were more than this terminal could take\n`);
  } else if (event === 'request') {
    output.out(json ? `${data}\n` : tapLine(JSON.parse(data) as RequestJson, output.color));
  }
}
