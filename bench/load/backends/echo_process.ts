/**
 * A gRPC backend that costs little: `node echo_process.ts PORTS` listens on that many ports and sends back every octet that it is
 * sent, as it arrives, with status 0 in the trailers. It knows nothing of messages, so it serves unary calls and streams alike.
 */
import { once } from 'node:events';
import { createServer, type ServerHttp2Stream } from 'node:http2';
import { endWithParent } from '../parent.ts';

const HEADERS = { ':status': 200, 'content-type': 'application/grpc', 'grpc-accept-encoding': 'identity' };
const TRAILERS = { 'grpc-status': '0' };

endWithParent();

function echo(stream: ServerHttp2Stream): void {
  stream.on('error', () => {}); // the client went away
  stream.on('wantTrailers', () => stream.sendTrailers(TRAILERS));
  stream.respond(HEADERS, { waitForTrailers: true });
  stream.pipe(stream);
}

const ports: number[] = [];
for (let i = 0; i < Number(process.argv[2]); i++) {
  const server = createServer({ settings: { maxConcurrentStreams: 1000, initialWindowSize: 1 << 20 } });
  server.on('session', (session) => session.setLocalWindowSize(16 << 20));
  server.on('stream', echo);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ports.push((server.address() as { port: number }).port);
}
process.stdout.write(`listening on ${ports.join(',')}\n`);
