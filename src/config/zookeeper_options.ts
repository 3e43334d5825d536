/** One entry of `registries:` with `type: zookeeper`. */
export interface ZookeeperOptions {
  readonly type: 'zookeeper';
  /** At least one `host:port` or `[v6]:port`; without a port 2181. */
  readonly servers: readonly string[];
  /** What all paths are below of, `/team`; empty or left out: nothing. */
  readonly chroot?: string | undefined;
  /** For the digest scheme: both or neither. */
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** In milliseconds; 10 s when left out. */
  readonly sessionTimeout?: number | undefined;
  /** As in `EtcdOptions`. */
  readonly emptyProtection?: number | undefined;
}
