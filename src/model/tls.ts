/** Versions that `min_version` takes; what is older is not spoken by anybody worth talking to (RFC 8996). */
export const TLS_VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const;
export type TlsVersion = (typeof TLS_VERSIONS)[number];

/** What stands in the files of one `tls:`, read and checked by the control plane: data threads open no files. */
export interface TlsMaterial {
  /** Which `tls:` of the config it is of: `services.book.tls`, `listen[0].tls`, `inbound.tls`. */
  readonly id: string;
  /** PEM texts. No `ca` means the authorities that come with Node (upstream), or that clients need no certificate (listener). */
  readonly ca: string | null;
  readonly cert: string | null;
  readonly key: string | null;
  readonly minVersion: TlsVersion;
}

/** How connections to the instances of a service are secured. */
export interface UpstreamTls {
  /** The `id` of its `TlsMaterial`. */
  readonly material: string;
  /** Sent as SNI (RFC 6066 section 3), and the name that the certificate must be for; null: the host of the instance's address. */
  readonly serverName: string | null;
  /** Names offered (RFC 7301); null: the name of the protocol that is spoken. */
  readonly alpn: readonly string[] | null;
  /** When not empty, in the place of the name: the certificate must have one of these subject alternative names. */
  readonly verify: readonly string[];
}

/** How a listener is secured. */
export interface ListenerTls {
  /** The `id` of its `TlsMaterial`; with a `ca` in it, clients must show a certificate. */
  readonly material: string;
  /** Protocols accepted, the best first. */
  readonly alpn: readonly string[];
  /** When not empty: the client's certificate must have one of these subject alternative names. */
  readonly verify: readonly string[];
}

/** The service that requests from outside are for, as metrics and `/services` name it. */
export const INBOUND = 'inbound';

/** What the inbound listener does with requests. */
export interface InboundRules {
  /** All of them are for this service: nothing that a caller from outside says chooses another. */
  readonly service: string;
  /** Names that may call; null: everyone whose certificate the authorities signed. */
  readonly allow: readonly string[] | null;
}

/** A listener that speaks TLS. */
export interface SecureListen {
  /** `host:port` (port 0 picks one) or `unix:/path`. */
  readonly address: string;
  readonly tls: ListenerTls;
  /** Null: apps connect there, as to the plain listeners. */
  readonly inbound: InboundRules | null;
}

/** What a data thread must know to speak TLS at its start. */
export interface TlsStart {
  readonly materials: readonly TlsMaterial[];
  /** Random octets that the keys of session tickets are made of (RFC 8446 section 4.6.1): all threads take each other's tickets. */
  readonly ticketSecret: Uint8Array;
}
