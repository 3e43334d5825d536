/** RFC 7541 Appendix A, in order; the value is absent where the table leaves it empty. */
const ENTRIES: readonly (readonly [name: string, value?: string])[] = [
  [':authority'],
  [':method', 'GET'],
  [':method', 'POST'],
  [':path', '/'],
  [':path', '/index.html'],
  [':scheme', 'http'],
  [':scheme', 'https'],
  [':status', '200'],
  [':status', '204'],
  [':status', '206'],
  [':status', '304'],
  [':status', '400'],
  [':status', '404'],
  [':status', '500'],
  ['accept-charset'],
  ['accept-encoding', 'gzip, deflate'],
  ['accept-language'],
  ['accept-ranges'],
  ['accept'],
  ['access-control-allow-origin'],
  ['age'],
  ['allow'],
  ['authorization'],
  ['cache-control'],
  ['content-disposition'],
  ['content-encoding'],
  ['content-language'],
  ['content-length'],
  ['content-location'],
  ['content-range'],
  ['content-type'],
  ['cookie'],
  ['date'],
  ['etag'],
  ['expect'],
  ['expires'],
  ['from'],
  ['host'],
  ['if-match'],
  ['if-modified-since'],
  ['if-none-match'],
  ['if-range'],
  ['if-unmodified-since'],
  ['last-modified'],
  ['link'],
  ['location'],
  ['max-forwards'],
  ['proxy-authenticate'],
  ['proxy-authorization'],
  ['range'],
  ['referer'],
  ['refresh'],
  ['retry-after'],
  ['server'],
  ['set-cookie'],
  ['strict-transport-security'],
  ['transfer-encoding'],
  ['user-agent'],
  ['vary'],
  ['via'],
  ['www-authenticate'],
];

/** The number of static entries; dynamic entries are addressed from `STATIC_LENGTH + 1` (section 2.3.3). */
export const STATIC_LENGTH = ENTRIES.length;

/** Names by index; index 0 is not used. */
export const STATIC_NAMES: readonly string[] = ['', ...ENTRIES.map(([name]) => name)];

/** Values by index; index 0 is not used. */
export const STATIC_VALUES: readonly string[] = ['', ...ENTRIES.map(([, value]) => value ?? '')];

/** What the static table knows about one name. */
export interface StaticName {
  /** The lowest index with this name. */
  readonly index: number;
  /** Index by value, for names that the table lists with values; also an empty value is a match. */
  readonly values: ReadonlyMap<string, number>;
}

/** The static table by name, for the encoder. */
export const STATIC_BY_NAME: ReadonlyMap<string, StaticName> = byName();

function byName(): Map<string, StaticName> {
  const names = new Map<string, { index: number; values: Map<string, number> }>();
  for (let index = 1; index <= STATIC_LENGTH; index++) {
    const name = STATIC_NAMES[index] as string;
    const entry = names.get(name) ?? { index, values: new Map<string, number>() };
    entry.values.set(STATIC_VALUES[index] as string, index);
    names.set(name, entry);
  }
  return names;
}
