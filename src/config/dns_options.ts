/** One entry of `registries:` with `type: dns`. Durations in milliseconds. */
export interface DnsOptions {
  readonly type: 'dns';
  /** IP addresses, perhaps with ports (`127.0.0.1:5353`, `[::1]:5353`); undefined: those of the system. */
  readonly servers?: readonly string[] | undefined;
  /** Which addresses of a host are instances; `auto`: IPv4, and IPv6 where there is no other. */
  readonly family: 'auto' | 'ipv4' | 'ipv6' | 'both';
  readonly minTtl: number;
  readonly maxTtl: number;
  /** Longest wait for the answer of one server. */
  readonly timeout: number;
  /** As in `EtcdOptions`. */
  readonly emptyProtection?: number | undefined;
}
