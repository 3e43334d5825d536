import type { ServerResponse } from 'node:http';
import { head } from './fields.ts';

/** Ends a request, and its connection, with an error of the sidecar's own that has no service to be counted for. */
export function writeRefusal(res: ServerResponse, status: number, text: string): void {
  const body = `${text}\n`;
  res.shouldKeepAlive = false;
  res.writeHead(status, fieldsFor(body));
  res.end(body);
}

/** The same where there is no `ServerResponse`. */
export function lastWords(status: number, text: string): Buffer {
  const body = `${text}\n`;
  return Buffer.concat([head(status, [...fieldsFor(body), 'connection', 'close']), Buffer.from(body)]);
}

function fieldsFor(body: string): string[] {
  return ['content-type', 'text/plain; charset=utf-8', 'content-length', String(Buffer.byteLength(body))];
}
