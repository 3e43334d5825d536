import type { DnsOptions } from './dns_options.ts';
import type { EurekaOptions } from './eureka_options.ts';
import type { KubernetesOptions } from './kubernetes_options.ts';
import type { ConsulOptions, EtcdOptions, RegistryOptions, RegistryTls } from './registry_options.ts';
import { formatDuration } from './scalars.ts';
import type { ZookeeperOptions } from './zookeeper_options.ts';

/** What stands in the place of a secret. */
const REDACTED = '***';

/** An entry of `registries:` under the names of the config file, its secrets replaced. */
export function registryText(options: RegistryOptions): object {
  if (options.type === 'static') return { type: options.type };
  const { emptyProtection } = options;
  return { ...textOf(options), empty_protection: emptyProtection ? formatDuration(emptyProtection) : 'off' };
}

function textOf(options: Exclude<RegistryOptions, { readonly type: 'static' }>): object {
  switch (options.type) {
    case 'etcd':
      return etcdText(options);
    case 'consul':
      return consulText(options);
    case 'file':
      return { type: options.type, path: options.path };
    case 'dns':
      return dnsText(options);
    case 'kubernetes':
      return kubernetesText(options);
    case 'zookeeper':
      return zookeeperText(options);
    case 'eureka':
      return eurekaText(options);
  }
}

/** What is left out (undefined) is not in the JSON either. */
function etcdText({ type, endpoints, username, password, tls }: EtcdOptions): object {
  return { type, endpoints, username, password: secret(password), tls: tlsText(tls) };
}

function consulText({ type, address, token, health, consistency, wait, tls, ...options }: ConsulOptions): object {
  return {
    type,
    address,
    token: secret(token),
    token_file: options.tokenFile,
    datacenter: options.datacenter,
    namespace: options.namespace,
    partition: options.partition,
    health,
    consistency,
    wait: wait === undefined ? undefined : formatDuration(wait),
    tls: tls && { ...tlsText(tls), server_name: tls.serverName },
  };
}

function dnsText({ type, servers, family, minTtl, maxTtl, timeout }: DnsOptions): object {
  return {
    type,
    servers,
    family,
    min_ttl: formatDuration(minTtl),
    max_ttl: formatDuration(maxTtl),
    timeout: formatDuration(timeout),
  };
}

function kubernetesText({ type, address, tokenFile, tls, namespace, versionLabel }: KubernetesOptions): object {
  return { type, address, token_file: tokenFile, tls: tlsText(tls), namespace, version_label: versionLabel };
}

function zookeeperText({ type, servers, chroot = '', username, password, sessionTimeout }: ZookeeperOptions): object {
  return {
    type,
    servers: servers.map((server) => server + chroot),
    username,
    password: secret(password),
    session_timeout: sessionTimeout === undefined ? undefined : formatDuration(sessionTimeout),
  };
}

function eurekaText({ type, urls, username, password, address, port, tls, ...options }: EurekaOptions): object {
  return {
    type,
    urls,
    username,
    password: secret(password),
    interval: formatDuration(options.interval),
    timeout: formatDuration(options.timeout),
    address,
    port,
    tls: tlsText(tls),
  };
}

function secret(value: string | undefined): string | undefined {
  return value === undefined ? undefined : REDACTED;
}

/** Only where the files lie, never what is in them. */
function tlsText(tls: RegistryTls | undefined): object | undefined {
  return tls && { ca: tls.ca, cert: tls.cert, key: tls.key };
}
