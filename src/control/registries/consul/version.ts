import { isObject, textOf } from '../records/record.ts';

/** The longest version that a compressed tag may hold, in octets. */
const LONGEST_VERSION = 1_024;

/** How registering libraries write a version into the tags, best first. A function gives the version, or null. */
const TAGS: readonly ((tag: string) => string | null)[] = [
  // go-kratos/kratos contrib/registry/consul: fmt.Sprintf("version=%s", svc.Version)
  after('version='),
  // micro/go-micro registry/consul: "v=" of old, "v-" + hex(zlib(version)) since
  after('v='),
  (tag) => (tag.startsWith('v-') ? inflated(tag.slice(2)) : null),
  // kitex-contrib/registry-consul writes tags as key:value
  after('version:'),
  // By hand: v1, v2.3.1, v3-beta
  (tag) => (/^v\d[\w.+-]*$/i.test(tag) ? tag : null),
];

/** The version that a service was registered with: its Meta, else the first kind of tag that names one; null when nothing does. */
export function consulVersion(meta: unknown, tags: unknown): string | null {
  const version = isObject(meta) ? textOf(meta.version) : null;
  if (version !== null) return version;
  const texts = Array.isArray(tags) ? tags.filter((tag) => typeof tag === 'string') : [];
  for (const read of TAGS) {
    for (const tag of texts) {
      const found = textOf(read(tag));
      if (found !== null) return found;
    }
  }
  return null;
}

function after(prefix: string): (tag: string) => string | null {
  return (tag) => (tag.startsWith(prefix) ? tag.slice(prefix.length) : null);
}

function inflated(hex: string): string | null {
  if (hex.length < 2 || hex.length % 2 !== 0 || !/^[0-9a-f]+$/i.test(hex)) return null;
  const { inflateSync } = process.getBuiltinModule('node:zlib');
  try {
    return inflateSync(Buffer.from(hex, 'hex'), { maxOutputLength: LONGEST_VERSION }).toString();
  } catch {
    return null;
  }
}
