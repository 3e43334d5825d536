import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type NetConnectOpts, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import * as tls from 'node:tls';
import type { ExecutionContext } from 'ava';
import { startProcess } from './process.ts';
import { memorySockets } from './wire_memory_socket.ts';

/** What can lie under a connection. `tls` needs `openssl` on the machine. */
export type Transport = 'memory' | 'tcp' | 'tls' | 'unix';

/** Two ends of one connection; both are destroyed with the test. */
export async function socketPair(
  t: ExecutionContext<unknown>,
  over: Transport,
  highWaterMark = 64 * 1024,
): Promise<[Duplex, Duplex]> {
  const pair = over === 'memory' ? memorySockets(highWaterMark) : await PAIRS[over]();
  t.teardown(() => {
    for (const socket of pair) {
      socket.on('error', () => {});
      socket.destroy();
    }
  });
  return pair;
}

const PAIRS = {
  tcp: () => netPair({ port: 0, host: '127.0.0.1', noDelay: true }),
  unix: () => inDirectory((directory) => netPair({ path: join(directory, 'test.sock') })),
  tls: tlsPair,
};

async function netPair(options: NetConnectOpts): Promise<[Socket, Socket]> {
  const server = createServer({ noDelay: true }).listen(options);
  await once(server, 'listening');
  const near = connect('path' in options ? options : { ...options, port: (server.address() as AddressInfo).port });
  const [[far]] = await Promise.all([once(server, 'connection'), once(near, 'connect')]);
  server.close();
  return [near, far as Socket];
}

async function tlsPair(): Promise<[Socket, Socket]> {
  const { key, cert } = await certificate();
  const server = tls.createServer({ key, cert, ALPNProtocols: ['h2'], noDelay: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const near = tls.connect({ port, host: '127.0.0.1', servername: 'localhost', ca: cert, ALPNProtocols: ['h2'] });
  const [[far]] = await Promise.all([once(server, 'secureConnection'), once(near, 'secureConnect')]);
  server.close();
  return [near, far as Socket];
}

let made: Promise<{ key: Buffer; cert: Buffer }> | null = null;

/** A key and its self-signed certificate for `localhost`, made once for each process: one that is kept in the repository would expire. */
function certificate(): Promise<{ key: Buffer; cert: Buffer }> {
  made ??= inDirectory(async (directory) => {
    const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
    const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
    const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
    const openssl = startProcess('openssl', ['req', '-x509', ...kind, ...names, '-keyout', key, '-out', cert]);
    if ((await openssl.exited) !== 0) throw new Error(`openssl: ${openssl.output()}`);
    return { key: readFileSync(key), cert: readFileSync(cert) };
  });
  return made;
}

/** Does `work` with a directory of its own, which is removed after it. */
async function inDirectory<T>(work: (directory: string) => T | Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'outrigger-wire-'));
  try {
    return await work(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
