import type { RequestJson } from '../../observe/request_line.ts';
import { painter } from '../paint.ts';
import { plainText } from '../table.ts';

/** One request as a line for people. */
export function tapLine(request: RequestJson, color: boolean): string {
  const paint = painter(color);
  const { time, service, version, instance, method, path, status, grpc_status, reason, attempts } = request;
  const bad = status === 0 || status >= 400 || (grpc_status !== null && grpc_status !== 0);
  const outcome = grpc_status === null ? String(status) : `${status}/${grpc_status}`;
  const where = `${service === '' ? '-' : service}${version === null ? '' : ` ${version}`}`;
  const words = [
    paint('dim', time.slice(11, 23)),
    paint(bad ? 'red' : 'green', outcome.padEnd(6)),
    `${request.duration_ms.toFixed(2)}ms`.padStart(10),
    paint('dim', `own ${request.own_ms.toFixed(2)}ms`.padEnd(12)),
    paint('bold', plainText(where)),
    plainText(instance ?? '-'),
    // gRPC is always a POST.
    grpc_status === null ? `${plainText(method)} ${plainText(path)}` : plainText(path),
  ];
  if (attempts > 1) words.push(paint('yellow', `${attempts} attempts`));
  if (reason !== null) words.push(paint('red', reason));
  return `${words.join('  ')}\n`;
}
