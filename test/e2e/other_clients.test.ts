import { once } from 'node:events';
import * as http2 from 'node:http2';
import test from 'ava';
import { startProcess } from '../support/process.ts';
import { serialTestWith } from '../support/requires.ts';
import { type Sidecar, startSidecar } from '../support/sidecar.ts';

/*
 * Clients of other makers than those of the other tests: nghttp and h2load are on nghttp2, which frames, prioritises and pads in ways of its own.
 */

const BODY = Buffer.alloc(100_000, 'abcdefg');
let origin: http2.Http2Server;
let sidecar: Sidecar;

test.before(async () => {
  origin = http2.createServer().listen(0, '127.0.0.1');
  await once(origin, 'listening');
  origin.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    let received = 0;
    stream.on('data', (chunk: Buffer) => {
      received += chunk.length;
    });
    stream.on('end', () => {
      stream.respond({ ':status': 200, 'x-method': headers[':method'], 'x-received': String(received) });
      // node:http2 refuses streams when all that it has not written yet is 10 MB.
      stream.end(headers[':path'] === '/large' ? BODY : 'a short answer');
    });
  });
  const { port } = origin.address() as { port: number };
  sidecar = await startSidecar({
    registries: { here: { type: 'static' } },
    services: { web: { instances: [{ address: `127.0.0.1:${port}` }] } },
    default_service: 'web',
  });
  await sidecar.untilReady('web', 1);
});

test.after.always(async () => {
  await sidecar?.kill();
  origin?.close();
});

serialTestWith('nghttp')('nghttp: two requests on one connection, with padding, and the whole answer', async (t) => {
  const url = `http://${sidecar.address}`;
  const nghttp = startProcess('nghttp', ['-v', '-n', '--padding=64', `${url}/large`, `${url}/small`]);
  t.is(await nghttp.exited, 0, nghttp.output());
  t.is(nghttp.stdout().match(/:status: 200/g)?.length, 2, nghttp.output());
  t.notRegex(nghttp.stdout(), /RST_STREAM|error_code=(?!NO_ERROR)/);
});

serialTestWith('nghttp')('nghttp: an upload', async (t) => {
  const nghttp = startProcess('nghttp', ['-v', '-n', '-d', import.meta.filename, `http://${sidecar.address}/`]);
  t.is(await nghttp.exited, 0, nghttp.output());
  t.regex(nghttp.stdout(), /x-method: POST/);
});

serialTestWith('h2load')('h2load: a thousand requests over ten connections, all answered', async (t) => {
  const h2load = startProcess('h2load', ['-n', '1000', '-c', '10', '-m', '20', `http://${sidecar.address}/`]);
  t.is(await h2load.exited, 0, h2load.output());
  t.regex(h2load.stdout(), /1000 total, 1000 started, 1000 done, 1000 succeeded, 0 failed, 0 errored, 0 timeout/);
  t.regex(h2load.stdout(), /status codes: 1000 2xx, 0 3xx, 0 4xx, 0 5xx/);
});

serialTestWith('h2load')('h2load: tiny windows (its smallest), large answers', async (t) => {
  const h2load = startProcess('h2load', [
    '-n',
    '50',
    '-c',
    '2',
    '-m',
    '5',
    '-w',
    '10',
    '-W',
    '12',
    `http://${sidecar.address}/large`,
  ]);
  t.is(await h2load.exited, 0, h2load.output());
  t.regex(h2load.stdout(), /50 succeeded, 0 failed/);
});
