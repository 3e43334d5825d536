import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { createServer as createTlsServer, Agent as TlsAgent, request as tlsRequest } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import test, { type ExecutionContext } from 'ava';
import { WebSocket as Client, WebSocketServer } from 'ws';
import type { TlsMaterial } from '../../../src/model/tls.ts';
import { Authority, pemOf } from '../../support/certificates.ts';
import { eventually } from '../../support/eventually.ts';
import { ask, RawClient } from '../../support/http1_client.ts';
import { startHttp1Instance } from '../../support/http1_instance.ts';
import { type Plane, startPlane } from '../../support/plane.ts';
import { present } from '../../support/requires.ts';
import { SETTINGS } from '../../support/service_settings.ts';
import { temporaryDirectory } from '../../support/sidecar.ts';

const HTTP1 = { protocol: 'http/1.1' } as const;
const tlsTest = present('openssl') ? test : test.skip;

test('over unix sockets on both sides, requests and WebSockets', async (t) => {
  const directory = temporaryDirectory();
  const listen = join(directory, 'sidecar.sock');
  const plane = await startPlane(t);
  await plane.data.listen([`unix:${listen}`], false);
  const instance = await startHttp1Instance(t, undefined, { listen: { path: join(directory, 'instance.sock') } });
  const server = new WebSocketServer({ server: instance.server });
  server.on('connection', (socket) => socket.on('message', (data) => socket.send(`echo ${data}`)));
  await plane.serve('one', [instance], HTTP1);
  const client = new RawClient(t, `unix:${listen}`);
  client.send('POST /x HTTP/1.1\r\nhost: one\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi');
  t.regex(await client.end(), /POST \/x hi/);
  const socket = new Client(`ws+unix://${listen}:/chat`, { headers: { host: 'one' } });
  await once(socket, 'open');
  socket.send('hello');
  t.is(String((await once(socket, 'message'))[0]), 'echo hello');
  socket.terminate();
});

const LISTEN = 'listen 0';
const SERVICE = 'service one';

/** A plane with a listener that speaks TLS and offers HTTP/1.1, and what its clients need. */
async function startSecure(
  t: ExecutionContext,
  authority: Authority,
): Promise<{ plane: Plane; port: number; ca: string }> {
  const ca = readFileSync(authority.ca, 'utf8');
  const own = pemOf(authority.issue());
  const materials: TlsMaterial[] = [
    { id: LISTEN, ca: null, ...own, minVersion: 'TLSv1.2' },
    { id: SERVICE, ca, cert: null, key: null, minVersion: 'TLSv1.2' },
  ];
  const tls = { material: LISTEN, alpn: ['h2', 'http/1.1'], verify: [] };
  const plane = await startPlane(t, {
    secure: [{ address: '127.0.0.1:0', tls, inbound: null }],
    tls: { materials, ticketSecret: Buffer.alloc(32, 7) },
  });
  return { plane, port: Number(plane.secure[0]?.split(':')[1]), ca };
}

tlsTest('an app that chooses HTTP/1.1 by ALPN, or knows no ALPN, is served over TLS', async (t) => {
  const { plane, port, ca } = await startSecure(t, new Authority());
  const instance = await startHttp1Instance(t);
  await plane.serve('one', [instance], HTTP1);
  for (const protocols of [['http/1.1'], undefined]) {
    const agent = new TlsAgent({ keepAlive: true, ...(protocols === undefined ? {} : { ALPNProtocols: protocols }) });
    t.teardown(() => agent.destroy());
    for (const path of ['/a', '/b']) {
      const req = tlsRequest({
        host: '127.0.0.1',
        port,
        ca,
        servername: 'localhost',
        agent,
        path,
        headers: { host: 'one' },
      });
      req.end();
      const [res] = (await once(req, 'response')) as [IncomingMessage];
      t.is(await text(res), `GET ${path} `);
    }
  }
  t.is(instance.requests.length, 4);
});

tlsTest(
  'an instance of HTTP/1.1 behind TLS is reached, and one with a wrong certificate goes to backoff',
  async (t) => {
    const authority = new Authority();
    const { plane } = await startSecure(t, authority);
    const start = async (from: Authority): Promise<{ address: string }> => {
      const sockets = new Set<Socket>();
      const server = createTlsServer(pemOf(from.issue()), (req, res) => res.end(`secret ${req.url}`));
      server.on('connection', (socket: Socket) => sockets.add(socket.on('error', () => {})));
      server.on('tlsClientError', () => {});
      t.teardown(() => {
        server.close();
        for (const socket of sockets) socket.destroy();
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      return { address: `127.0.0.1:${(server.address() as AddressInfo).port}` };
    };
    const tls = { material: SERVICE, serverName: 'localhost', alpn: null, verify: [] };
    await plane.serve('one', [await start(authority)], { ...SETTINGS, ...HTTP1, tls });
    t.is(String((await ask(plane.address, 'one', { path: '/x' })).body), 'secret /x');
    t.is(String((await ask(plane.address, 'one', { path: '/y' })).body), 'secret /y');
    plane.tell('other', [await start(new Authority('Another Authority'))], { ...SETTINGS, ...HTTP1, tls });
    await eventually(() => plane.states('other').join() === 'backoff');
    const refused = await ask(plane.address, 'other');
    t.deepEqual([refused.status, refused.headers['x-outrigger-reason']], [503, 'connect_failed']);
    t.regex(String(refused.body), /certificate|unknown|authority/i);
  },
);
