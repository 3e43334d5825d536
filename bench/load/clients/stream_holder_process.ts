/**
 * Opens many streams and leaves them open: `node stream_holder_process.ts PORT STREAMS CONNECTIONS`. Says `open N` when all have
 * response headers; the line `close` on its standard input ends them, and it says `closed`.
 */
import { type ClientHttp2Session, connect } from 'node:http2';
import { createInterface } from 'node:readline';

const [port, streams, connections] = process.argv.slice(2).map(Number) as [number, number, number];
let open = 0;
let failed = 0;

const sessions = Array.from({ length: connections }, (): ClientHttp2Session => {
  const session = connect(`http://127.0.0.1:${port}`, { settings: { enablePush: false } });
  session.on('error', (error) => process.stdout.write(`connection failed: ${error.message}\n`));
  return session;
});

function tell(): void {
  if (open + failed === streams) process.stdout.write(`open ${open}\n`);
}

for (let i = 0; i < streams; i++) {
  const session = sessions[i % connections] as ClientHttp2Session;
  const headers = {
    ':method': 'POST',
    ':path': '/bench.Echo/Hold',
    'content-type': 'application/grpc',
    te: 'trailers',
    'x-version': 'v1',
  };
  const stream = session.request(headers, { endStream: false });
  let answered = false;
  stream.once('response', (response) => {
    answered = true;
    if (response[':status'] === 200) open++;
    else failed++;
    tell();
  });
  stream.once('error', () => {
    if (!answered) failed++;
    tell();
  });
}

createInterface({ input: process.stdin })
  .on('line', (line) => {
    if (line !== 'close') return;
    for (const session of sessions) session.destroy();
    process.stdout.write('closed\n');
  })
  .on('close', () => process.exit(0));
