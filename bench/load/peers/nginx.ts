import { installedPeer } from './installed.ts';

/** nginx with `grpc_pass`, one worker process, idle connections to the instances kept open. */
export const nginx = installedPeer({
  name: 'nginx',
  about: 'nginx, one worker process, grpc_pass with keepalive',
  share: 0.25,
  program: 'nginx',
  package: 'nginx-light',
  versionArgs: ['-v'],
  excluded: () => null,
  config: (port, backends, directory) => `daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid ${directory}/nginx-${port}.pid;
error_log stderr crit;
events { worker_connections 16000; }
http {
  access_log off;
  client_body_temp_path ${directory}/nginx-${port}-body;
  proxy_temp_path ${directory}/nginx-${port}-proxy;
  fastcgi_temp_path ${directory}/nginx-${port}-fastcgi;
  uwsgi_temp_path ${directory}/nginx-${port}-uwsgi;
  scgi_temp_path ${directory}/nginx-${port}-scgi;
  client_max_body_size 0;
  http2_max_concurrent_streams 4096;
  keepalive_requests 1000000000;
  keepalive_timeout 10m;
  upstream instances {
${backends.map((backend) => `    server ${backend} max_fails=0;`).join('\n')}
    keepalive 256;
    keepalive_requests 1000000000;
  }
  server {
    listen 127.0.0.1:${port} http2;
    location / {
      grpc_pass grpc://instances;
      grpc_read_timeout 10m;
      grpc_send_timeout 10m;
      client_body_timeout 10m;
    }
  }
}
`,
  args: (_port, _backends, file) => ['-c', file, '-e', 'stderr'],
});
