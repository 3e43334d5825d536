/** Big-endian reads without the argument checks of `Buffer.readUInt32BE`. The caller has checked the length. */
export function readUint32(buf: Uint8Array, at: number): number {
  return (
    (((buf[at] as number) << 24) |
      ((buf[at + 1] as number) << 16) |
      ((buf[at + 2] as number) << 8) |
      (buf[at + 3] as number)) >>>
    0
  );
}

/** 31 bits: the reserved bit is ignored, RFC 9113 section 4.1. */
export function readUint31(buf: Uint8Array, at: number): number {
  return (
    (((buf[at] as number) & 0x7f) << 24) |
    ((buf[at + 1] as number) << 16) |
    ((buf[at + 2] as number) << 8) |
    (buf[at + 3] as number)
  );
}

export function readUint24(buf: Uint8Array, at: number): number {
  return ((buf[at] as number) << 16) | ((buf[at + 1] as number) << 8) | (buf[at + 2] as number);
}

export function readUint16(buf: Uint8Array, at: number): number {
  return ((buf[at] as number) << 8) | (buf[at + 1] as number);
}
