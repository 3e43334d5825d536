import { installedPeer } from './installed.ts';

const TYPE = 'type.googleapis.com/envoy.extensions';

/** Envoy, when it is on the PATH: Debian has no package of it. Its circuit breakers are set wide, as they count across all clients. */
export const envoy = installedPeer({
  name: 'envoy',
  about: 'Envoy, one worker thread (only where it is installed)',
  share: 0.4,
  program: 'envoy',
  package: null,
  versionArgs: ['--version'],
  excluded: () => null,
  config: (port, backends) =>
    JSON.stringify({ static_resources: { listeners: [listener(port)], clusters: [cluster(backends)] } }),
  args: (_port, _backends, file) => [
    '--config-path',
    file,
    '--concurrency',
    '1',
    '--disable-hot-restart',
    '--log-level',
    'error',
  ],
});

function address(hostAndPort: string): object {
  const [host, port] = hostAndPort.split(':');
  return { socket_address: { address: host, port_value: Number(port) } };
}

function listener(port: number): object {
  const route = { match: { prefix: '/' }, route: { cluster: 'instances', timeout: '0s' } };
  const manager = {
    '@type': `${TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: 'in',
    codec_type: 'HTTP2',
    stream_idle_timeout: '0s',
    http2_protocol_options: { max_concurrent_streams: 4096 },
    route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes: [route] }] },
    http_filters: [
      { name: 'envoy.filters.http.router', typed_config: { '@type': `${TYPE}.filters.http.router.v3.Router` } },
    ],
  };
  const filter = { name: 'envoy.filters.network.http_connection_manager', typed_config: manager };
  return { name: 'in', address: address(`127.0.0.1:${port}`), filter_chains: [{ filters: [filter] }] };
}

function cluster(backends: readonly string[]): object {
  const wide = { max_connections: 1_000_000, max_pending_requests: 1_000_000, max_requests: 1_000_000 };
  const endpoints = backends.map((backend) => ({ endpoint: { address: address(backend) } }));
  return {
    name: 'instances',
    type: 'STATIC',
    connect_timeout: '5s',
    lb_policy: 'ROUND_ROBIN',
    circuit_breakers: { thresholds: [wide] },
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': `${TYPE}.upstreams.http.v3.HttpProtocolOptions`,
        explicit_http_config: { http2_protocol_options: {} },
      },
    },
    load_assignment: { cluster_name: 'instances', endpoints: [{ lb_endpoints: endpoints }] },
  };
}
