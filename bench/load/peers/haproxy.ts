import { installedPeer } from './installed.ts';

/** HAProxy in HTTP mode, without a log. `http-reuse always`: all requests share the connections to the instances. */
export const haproxy = installedPeer({
  name: 'haproxy',
  about: 'HAProxy, one thread, proto h2 on both sides',
  share: 0.6,
  program: 'haproxy',
  package: 'haproxy',
  versionArgs: ['-v'],
  excluded: () => null,
  terminatesTls: true,
  config: (port, backends, _directory, tls) => `global
  nbthread 1
  maxconn 4000
  tune.h2.max-concurrent-streams 4096
defaults
  mode http
  timeout connect 5s
  timeout client 10m
  timeout server 10m
  http-reuse always
frontend in
  bind 127.0.0.1:${port} ${tls === null ? 'proto h2' : `ssl crt ${tls.both} alpn h2`}
  default_backend instances
backend instances
  balance roundrobin
${backends.map((backend, index) => `  server s${index} ${backend} proto h2`).join('\n')}
`,
  args: (_port, _backends, file) => ['-db', '-f', file],
});
