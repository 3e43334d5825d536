/**
 * A relay on `node:http2`, as a peer: `node node_http2_process.ts HOST:PORT...`. Round robin over one connection to each
 * backend; bodies and trailers pass in both directions. No metrics, no routing, no limits: it does less than any real proxy.
 */
import {
  type ClientHttp2Session,
  connect,
  constants,
  createServer,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import { endWithParent } from '../parent.ts';

const WINDOW = 1 << 20;
const CONNECTION_WINDOW = 16 << 20;
const settings = { initialWindowSize: WINDOW, maxConcurrentStreams: 4096, enablePush: false };

endWithParent();

const sessions = process.argv.slice(2).map((backend): ClientHttp2Session => {
  const session = connect(`http://${backend}`, { settings: { initialWindowSize: WINDOW, enablePush: false } });
  session.once('connect', () => session.setLocalWindowSize(CONNECTION_WINDOW));
  session.on('error', (error) => process.stderr.write(`${backend}: ${error.message}\n`));
  return session;
});
let turn = 0;

function relay(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
  const session = sessions[turn++ % sessions.length] as ClientHttp2Session;
  const upstream = session.request(headers, { endStream: stream.readableEnded });
  upstream.on('response', (response) => {
    if (!stream.headersSent && !stream.destroyed) stream.respond(response, { waitForTrailers: true });
  });
  let trailers: IncomingHttpHeaders = {};
  upstream.on('trailers', (received) => {
    trailers = received;
  });
  stream.on('wantTrailers', () => stream.sendTrailers(trailers));
  upstream.on('error', () => stream.close(constants.NGHTTP2_INTERNAL_ERROR));
  stream.on('error', () => upstream.close(constants.NGHTTP2_CANCEL));
  stream.pipe(upstream);
  upstream.pipe(stream);
}

const server = createServer({ settings }, undefined);
server.on('session', (session) => session.setLocalWindowSize(CONNECTION_WINDOW));
server.on('stream', relay);
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`listening on ${(server.address() as { port: number }).port}\n`);
});
