import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { bodyFiles } from '../backends/bodies.ts';
import { startChild } from '../children.ts';
import type { Context } from '../context.ts';
import { onPath } from '../packages.ts';
import { freePort, untilAccepting } from '../ports.ts';
import type { Peer, RunningPeer } from './peer.ts';

const SCRIPT = new URL('http2_proxy_process.ts', import.meta.url).pathname;

/**
 * The npm package `http2-proxy`. It speaks HTTP/1.1 to instances and drops trailers, so it cannot carry gRPC at all; what can be
 * compared is a request and a body of the same size, and for that it gets HTTP/1.1 backends of its own (nginx).
 */
export const http2Proxy: Peer = {
  name: 'http2-proxy',
  about: 'the npm package http2-proxy, to HTTP/1.1 backends and without trailers: it cannot carry gRPC',
  share: 0.08,
  needs: { program: 'nginx', package: 'nginx-light' },
  find() {
    if (!onPath('nginx'))
      return { kind: 'missing', reason: 'its HTTP/1.1 backends need nginx (Debian package nginx-light)' };
    try {
      const manifest = createRequire(import.meta.url)('http2-proxy/package.json') as { version: string };
      return { kind: 'found', version: manifest.version };
    } catch {
      return { kind: 'missing', reason: 'the npm package http2-proxy is not installed (npm ci)' };
    }
  },
  excluded(workload) {
    if (['W1', 'W2', 'W4'].includes(workload)) return null;
    return /^W5/.test(workload)
      ? 'it cannot carry gRPC'
      : 'it opens a connection to an instance for each request in flight';
  },
  async start(context, _backends, { cpus }): Promise<RunningPeer> {
    const ports = await Promise.all([freePort(), freePort(), freePort()]);
    const file = join(context.directory, `http1-${ports[0]}.conf`);
    writeFileSync(file, http1Config(context, ports));
    const backend = startChild('nginx as HTTP/1.1 backends', 'nginx', ['-c', file, '-e', 'stderr']);
    const stopBackend = () => backend.stop();
    try {
      for (const port of ports) await untilAccepting('nginx', port);
      const backends = ports.map((port) => `127.0.0.1:${port}`);
      const child = startChild('http2-proxy', process.execPath, [SCRIPT, ...backends], { cpus });
      const stop = async () => {
        await child.stop();
        await stopBackend();
      };
      const [, port] = await child.waitFor(/listening on (\d+)/).catch(async (error: unknown) => {
        await child.stop();
        throw error;
      });
      return { port: Number(port), pid: child.pid, stop };
    } catch (error) {
      await stopBackend();
      throw error;
    }
  },
};

/** Three servers that answer what the HTTP/2 backends answer. A file cannot be posted to, so the small answer is spelled out. */
function http1Config(context: Context, ports: readonly number[]): string {
  const { directory } = context;
  const [first] = ports;
  const files = bodyFiles(context);
  const temporary = join(directory, `http1-${first}`);
  mkdirSync(temporary, { recursive: true });
  const servers = ports.map(
    (port) => `  server {
    listen 127.0.0.1:${port};
    root ${files.directory};
    location = ${files.smallPath} { return 200 '${'x'.repeat(files.smallSize)}'; }
  }`,
  );
  return `daemon off;
user root;
worker_processes 1;
pid ${temporary}/nginx.pid;
error_log stderr crit;
events { worker_connections 4000; }
http {
  access_log off;
  sendfile on;
  keepalive_requests 1000000000;
  client_body_temp_path ${temporary}/body;
  proxy_temp_path ${temporary}/proxy;
  fastcgi_temp_path ${temporary}/fastcgi;
  uwsgi_temp_path ${temporary}/uwsgi;
  scgi_temp_path ${temporary}/scgi;
${servers.join('\n')}
}
`;
}
