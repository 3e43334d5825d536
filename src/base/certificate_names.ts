/** The subject alternative names of a certificate that connections are judged by (RFC 5280 section 4.2.1.6). */
export interface CertificateNames {
  readonly uris: readonly string[];
  readonly dns: readonly string[];
  readonly ips: readonly string[];
}

const NO_NAMES: CertificateNames = { uris: [], dns: [], ips: [] };

/** A name and its value: bare, or as a JSON text where the certificate holds something that could be mistaken for a separator. */
const NAME = /(?:^|, )(URI|DNS|IP Address|[^:,"]+):("(?:[^"\\]|\\.)*"|[^,"]*)/y;

/**
 * Takes apart what Node writes as `subjectAltName`. Values with commas or quotes in them stand there as JSON (CVE-2021-44532): a name that
 * only looks like several is one. Whatever does not fit ends the list, so that nothing behind it is believed.
 */
export function certificateNames(subjectAltName: string | undefined): CertificateNames {
  if (subjectAltName === undefined || subjectAltName === '') return NO_NAMES;
  const names = { uris: [] as string[], dns: [] as string[], ips: [] as string[] };
  NAME.lastIndex = 0;
  for (let match = NAME.exec(subjectAltName); match !== null; match = NAME.exec(subjectAltName)) {
    const [, kind, raw = ''] = match;
    const value = raw.startsWith('"') ? plain(raw) : raw;
    if (kind === 'URI') names.uris.push(value);
    else if (kind === 'DNS') names.dns.push(value);
    else if (kind === 'IP Address') names.ips.push(value);
    if (NAME.lastIndex === subjectAltName.length) break;
  }
  return names;
}

function plain(quoted: string): string {
  try {
    return String(JSON.parse(quoted));
  } catch {
    return quoted;
  }
}

/**
 * Whether a certificate with `names` is one of `wanted`: a URI (`spiffe://...`; one that ends with `/*` takes all that begin so), a DNS
 * name (in any case; a wildcard in the certificate counts for one label, RFC 6125 section 6.4.3), or an IP address.
 */
export function hasName(names: CertificateNames, wanted: readonly string[]): boolean {
  return wanted.some((name) => {
    if (name.includes('://')) return names.uris.some((uri) => matchesUri(uri, name));
    return (
      names.ips.some((ip) => canonicalIp(ip) === canonicalIp(name)) ||
      names.dns.some((dns) => matchesDns(dns.toLowerCase(), name.toLowerCase()))
    );
  });
}

function matchesUri(uri: string, wanted: string): boolean {
  if (!wanted.endsWith('/*')) return uri === wanted;
  const start = wanted.slice(0, -1);
  if (!uri.startsWith(start)) return false;
  // Dots could climb out of what the pattern allows; a SPIFFE id has none (SPIFFE-ID section 2.2).
  return uri
    .slice(start.length)
    .split('/')
    .every((part) => part !== '' && part !== '.' && part !== '..');
}

function matchesDns(presented: string, wanted: string): boolean {
  if (!presented.startsWith('*.')) return presented === wanted;
  const dot = wanted.indexOf('.');
  return dot > 0 && wanted.slice(dot) === presented.slice(1);
}

/** Certificates have IPv6 addresses without `::`. */
function canonicalIp(text: string): string {
  const url = `http://[${text}]`;
  return text.includes(':') && URL.canParse(url) ? new URL(url).hostname : text;
}

/** The names for a message: the first few, `no subject alternative name` when there are none. */
export function describeNames({ uris, dns, ips }: CertificateNames): string {
  const all = [...uris, ...dns, ...ips];
  if (all.length === 0) return 'no subject alternative name';
  return all.slice(0, 3).join(', ') + (all.length > 3 ? ` and ${all.length - 3} more` : '');
}
