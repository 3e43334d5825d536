/** The npm package `http2-proxy` in front of HTTP/1.1 backends, as a peer: `node http2_proxy_process.ts HOST:PORT...`. */
import { Agent, request as http1Request } from 'node:http';
import { createServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import { createRequire } from 'node:module';
import { endWithParent } from '../parent.ts';

interface WebOptions {
  readonly hostname: string;
  readonly port: number;
  /** Makes the request to the instance; without it every one gets a new connection. */
  readonly onReq: (request: Http2ServerRequest, options: object) => unknown;
}

/** The part of the package that is used. It brings no types. */
interface Http2ProxyModule {
  web(
    request: Http2ServerRequest,
    response: Http2ServerResponse,
    options: WebOptions,
    done: (error: Error | null, request: Http2ServerRequest, response: Http2ServerResponse) => void,
  ): void;
}

endWithParent();
const require = createRequire(import.meta.url);
const proxy = require('http2-proxy') as Http2ProxyModule;
const agent = new Agent({ keepAlive: true, maxSockets: 1024 });
const backends = process.argv.slice(2).map((backend) => backend.split(':') as [string, string]);
let turn = 0;

const server = createServer({ settings: { initialWindowSize: 1 << 20 } }, (request, response) => {
  const [hostname, port] = backends[turn++ % backends.length] as [string, string];
  const onReq = (_request: Http2ServerRequest, options: object) => http1Request({ ...options, agent });
  proxy.web(request, response, { hostname, port: Number(port), onReq }, (error, _request, failed) => {
    if (error === null || failed.headersSent) return;
    failed.statusCode = 502;
    failed.end();
  });
});
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`listening on ${(server.address() as { port: number }).port}\n`);
});
