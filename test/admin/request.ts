import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly text: string;
}

export interface Ask {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** One request on a connection of its own, with any Host header (fetch would not let us lie). */
export function ask(address: string, path: string, { method = 'GET', headers = {}, body }: Ask = {}): Promise<Reply> {
  const target = address.startsWith('unix:')
    ? { socketPath: address.slice(5) }
    : { host: new URL(`http://${address}`).hostname.replace(/^\[|\]$/g, ''), port: new URL(`http://${address}`).port };
  return new Promise((resolve, reject) => {
    const request = httpRequest({ ...target, path, method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const all = Buffer.concat(chunks);
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: all, text: all.toString() });
      });
    });
    request.on('error', reject);
    request.end(body);
  });
}
