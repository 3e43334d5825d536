import type { ServiceSettings } from '../model/service.ts';
import type { SecureListen, TlsVersion } from '../model/tls.ts';

/** The files of one `tls:` of the config. */
export interface CertificateFiles {
  /** The key that it stands under, `services.book.tls`; the `id` of its `TlsMaterial`. */
  readonly id: string;
  /** Absolute paths of PEM files; null for what is not given. */
  readonly ca: string | null;
  readonly cert: string | null;
  readonly key: string | null;
  readonly minVersion: TlsVersion;
}

/** What stands before the local app. */
export interface InboundConfig {
  readonly listen: SecureListen;
  /** The app's address. */
  readonly forward: string;
  /** For the service that all its requests go to. */
  readonly settings: ServiceSettings;
}
