import { once } from 'node:events';
import test from 'ava';
import { WebSocket as Client, WebSocketServer } from 'ws';
import { eventually } from '../support/eventually.ts';
import { ask, RawClient } from '../support/http1_client.ts';
import { echo, startHttp1Instance } from '../support/http1_instance.ts';
import { askHttp2, http2Client } from '../support/http2_client.ts';
import { startSidecar } from '../support/sidecar.ts';

test('a running sidecar serves HTTP/1.1, WebSocket and HTTP/2 from instances of HTTP/1.1, counts them, and ends in order', async (t) => {
  let finish = (): void => {};
  const instance = await startHttp1Instance(t, (req, res) => {
    if (req.url === '/late') finish = () => echo(req, res);
    else echo(req, res);
  });
  const server = new WebSocketServer({ server: instance.server });
  server.on('connection', (socket) => socket.on('message', (data) => socket.send(`echo ${data}`)));
  const sidecar = await startSidecar({
    registries: { here: { type: 'static' } },
    services: { web: { protocol: 'http/1.1', instances: [{ address: instance.address, version: 'v1' }] } },
  });
  t.teardown(() => sidecar.kill());
  await sidecar.untilReady('web', 1);

  const first = await ask(sidecar.address, 'web', { method: 'POST', path: '/a', body: 'text' });
  t.deepEqual([first.status, String(first.body)], [200, 'POST /a text']);
  const second = await askHttp2(http2Client(t, sidecar.address), 'web', { ':path': '/b' });
  t.is(String(second.body), 'GET /b ');
  const socket = new Client(`ws://${sidecar.address}/`, { headers: { host: 'web' } });
  await once(socket, 'open');
  socket.send('hello');
  t.is(String((await once(socket, 'message'))[0]), 'echo hello');
  await new RawClient(t, sidecar.address).send('GET / HTTP/1.1\r\n\r\n').end();

  const metrics = async (): Promise<string> => (await fetch(`${sidecar.telemetry}/metrics`)).text();
  await eventually(async () => {
    const text = await metrics();
    t.regex(text, /outrigger_in_flight_requests\{service="web"\} 1\n/);
    t.regex(text, /outrigger_requests_total\{service="web",version="v1",code_class="2xx",grpc_status=""\} 2\n/);
    t.regex(text, /outrigger_protocol_errors_total\{side="downstream",token="http1_host_bad"\} 1\n/);
    return true;
  });
  socket.close();
  await once(socket, 'close');

  const late = new RawClient(t, sidecar.address).send('GET /late HTTP/1.1\r\nhost: web\r\n\r\n');
  await eventually(() => instance.requests.at(-1)?.url === '/late');
  const stopped = sidecar.stop();
  // It listens no more: it has begun to drain.
  await eventually(() =>
    ask(sidecar.address, 'web').then(
      () => false,
      () => true,
    ),
  );
  finish();
  t.regex(await late.end(), /^HTTP\/1\.1 200 OK\r\n[\s\S]*GET \/late /);
  t.is(await stopped, 0);
});
