import type { RegistryTls } from './registry_options.ts';

/** Which of an instance's two names is dialled. */
export const EUREKA_ADDRESSES = ['host', 'ip'] as const;
/** Which of an instance's ports is dialled. */
export const EUREKA_PORTS = ['auto', 'plain', 'secure'] as const;

/** One entry of `registries:` with `type: eureka`. */
export interface EurekaOptions {
  readonly type: 'eureka';
  /** At least one base URL of the REST interface, without a user and without a slash at its end: `http://127.0.0.1:8761/eureka`. */
  readonly urls: readonly string[];
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** From one question for what is new to the next, in milliseconds. */
  readonly interval: number;
  /** Longest wait for one answer, in milliseconds. */
  readonly timeout: number;
  readonly address: (typeof EUREKA_ADDRESSES)[number];
  readonly port: (typeof EUREKA_PORTS)[number];
  readonly tls?: RegistryTls | undefined;
  /** As in `EtcdOptions`. */
  readonly emptyProtection?: number | undefined;
}
