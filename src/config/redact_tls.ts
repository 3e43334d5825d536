import type { SecureListen, UpstreamTls } from '../model/tls.ts';
import type { Config } from './config.ts';
import { listenId } from './resolve_tls.ts';
import type { CertificateFiles } from './tls_options.ts';

/** Only where certificates and keys lie is shown, never what is in the files. */
function filesText(certificates: readonly CertificateFiles[], id: string): Record<string, unknown> {
  const files = certificates.find((candidate) => candidate.id === id);
  if (files === undefined) return {};
  const given = Object.entries({ ca: files.ca, cert: files.cert, key: files.key }).filter(([, path]) => path !== null);
  return { ...Object.fromEntries(given), min_version: files.minVersion };
}

const namesText = (verify: readonly string[]): object => (verify.length === 0 ? {} : { verify });

/** `tls` of a service or of `discover`. */
export function upstreamTlsText(tls: UpstreamTls | null | undefined, certificates: Config['certificates']): unknown {
  if (tls === null || tls === undefined) return null;
  const { material, serverName, alpn, verify } = tls;
  return { ...filesText(certificates, material), server_name: serverName, alpn, ...namesText(verify) };
}

/** `listen`, in the order of the config. */
export function listenText({ listen, secureListen, certificates }: Config): unknown[] {
  const plain = listen.values();
  return Array.from({ length: listen.length + secureListen.length }, (_, at) => {
    const secure = secureListen.find(({ tls }) => tls.material === listenId(at));
    return secure === undefined ? plain.next().value : secureText(secure, certificates);
  });
}

function secureText({ address, tls }: SecureListen, certificates: Config['certificates']): object {
  return { address, tls: { ...filesText(certificates, tls.material), alpn: tls.alpn, ...namesText(tls.verify) } };
}

export function inboundText({ inbound, certificates }: Config): unknown {
  if (inbound === null) return null;
  const { listen, forward } = inbound;
  return {
    listen: listen.address,
    tls: filesText(certificates, listen.tls.material),
    forward,
    allow: listen.inbound?.allow ?? null,
  };
}
