/** Whether a client takes gzip (RFC 9110 section 12.5.3); of the header as it came. */
export function acceptsGzip(acceptEncoding: string | readonly string[] | undefined): boolean {
  return /\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))/i.test(String(acceptEncoding ?? ''));
}
