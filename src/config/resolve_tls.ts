import { resolve as resolvePath } from 'node:path';
import { INBOUND, type SecureListen, type UpstreamTls } from '../model/tls.ts';
import type { InboundInput, SecureListenInput, UpstreamTlsInput } from './schema_tls.ts';
import type { CertificateFiles } from './tls_options.ts';

/** How the instances of a service are connected to; `id` is the key that it stands under. */
export function resolveUpstreamTls(input: UpstreamTlsInput, id: string): UpstreamTls | null {
  if (input === null) return null;
  return { material: id, serverName: input.server_name, alpn: input.alpn, verify: input.verify ?? [] };
}

/** The plain addresses of `listen`, and the entries that speak TLS. */
export function resolveListen(listen: string | readonly (string | SecureListenInput)[]): {
  readonly listen: readonly string[];
  readonly secureListen: readonly SecureListen[];
} {
  const entries = typeof listen === 'string' ? [listen] : listen;
  return {
    listen: entries.filter((entry) => typeof entry === 'string'),
    secureListen: entries.flatMap((entry, at) => {
      if (typeof entry === 'string') return [];
      const { alpn, verify = [] } = entry.tls;
      return [{ address: entry.address, tls: { material: listenId(at), alpn, verify }, inbound: null }];
    }),
  };
}

/** What others connect to. */
export function resolveInbound(input: InboundInput): SecureListen {
  const { listen, allow } = input;
  return {
    address: listen,
    tls: { material: INBOUND_ID, alpn: ['h2'], verify: [] },
    inbound: { service: INBOUND, allow },
  };
}

const INBOUND_ID = 'inbound.tls';

/** The id of the `tls` of an entry of `listen`. */
export function listenId(at: number): string {
  return `listen[${at}].tls`;
}

/** The id of a service's `tls`. */
export function serviceTlsId(service: string): string {
  return `services.${service}.tls`;
}

export const DISCOVER_TLS_ID = 'discover.tls';

/** The parts of the config that hold a `tls` of ours. */
interface TlsInputs {
  readonly listen: string | readonly (string | SecureListenInput)[];
  readonly services: Readonly<Record<string, { readonly tls: UpstreamTlsInput }>>;
  readonly discover: { readonly tls: UpstreamTlsInput } | null;
  readonly inbound: InboundInput | null;
}

/** The files of every `tls`, in the order of the config. */
export function resolveCertificates(input: TlsInputs, directory: string): CertificateFiles[] {
  const found: CertificateFiles[] = [];
  const add = (id: string, tls: FilesInput | null): void => {
    if (tls !== null) found.push(filesOf(id, tls, directory));
  };
  if (typeof input.listen !== 'string') {
    for (const [at, entry] of input.listen.entries()) if (typeof entry !== 'string') add(listenId(at), entry.tls);
  }
  for (const [name, { tls }] of Object.entries(input.services)) add(serviceTlsId(name), tls);
  if (input.discover !== null) add(DISCOVER_TLS_ID, input.discover.tls);
  if (input.inbound !== null) add(INBOUND_ID, input.inbound.tls);
  return found;
}

type FilesInput = Pick<NonNullable<UpstreamTlsInput>, 'ca' | 'cert' | 'key' | 'min_version'>;

function filesOf(
  id: string,
  { ca, cert, key, min_version: minVersion }: FilesInput,
  directory: string,
): CertificateFiles {
  const inside = (path: string | undefined) => (path === undefined ? null : resolvePath(directory, path));
  return { id, ca: inside(ca), cert: inside(cert), key: inside(key), minVersion };
}
