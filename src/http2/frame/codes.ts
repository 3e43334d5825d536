/** Frame types, RFC 9113 section 6. */
export const FRAME = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PUSH_PROMISE: 5,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const;

/** Frame flags, RFC 9113 section 6. ACK and END_STREAM share a bit: which one is meant depends on the frame. */
export const FLAG = { END_STREAM: 0x1, ACK: 0x1, END_HEADERS: 0x4, PADDED: 0x8, PRIORITY: 0x20 } as const;

/** Error codes, RFC 9113 section 7. */
export const ERROR = {
  NO_ERROR: 0x0,
  PROTOCOL_ERROR: 0x1,
  INTERNAL_ERROR: 0x2,
  FLOW_CONTROL_ERROR: 0x3,
  SETTINGS_TIMEOUT: 0x4,
  STREAM_CLOSED: 0x5,
  FRAME_SIZE_ERROR: 0x6,
  REFUSED_STREAM: 0x7,
  CANCEL: 0x8,
  COMPRESSION_ERROR: 0x9,
  CONNECT_ERROR: 0xa,
  ENHANCE_YOUR_CALM: 0xb,
  INADEQUATE_SECURITY: 0xc,
  HTTP_1_1_REQUIRED: 0xd,
} as const;

const ERROR_NAMES = Object.keys(ERROR);

/** `REFUSED_STREAM` for 7; unknown codes as hexadecimal. */
export function errorName(code: number): string {
  return ERROR_NAMES[code] ?? `0x${code.toString(16)}`;
}

/** Setting identifiers, RFC 9113 section 6.5.2. */
export const SETTING = {
  HEADER_TABLE_SIZE: 1,
  ENABLE_PUSH: 2,
  MAX_CONCURRENT_STREAMS: 3,
  INITIAL_WINDOW_SIZE: 4,
  MAX_FRAME_SIZE: 5,
  MAX_HEADER_LIST_SIZE: 6,
  /** RFC 8441 section 3. */
  ENABLE_CONNECT_PROTOCOL: 8,
} as const;

export const FRAME_HEADER_SIZE = 9;
/** RFC 9113 section 6.5.2: the size that every peer must accept, and the largest that can be allowed. */
export const MIN_MAX_FRAME_SIZE = 16_384;
export const MAX_MAX_FRAME_SIZE = 16_777_215;
/** RFC 9113 section 6.9.1. */
export const MAX_WINDOW = 2_147_483_647;
/** RFC 9113 section 6.9.2: stream and connection windows before any SETTINGS or WINDOW_UPDATE. */
export const DEFAULT_WINDOW = 65_535;
/** RFC 9113 section 6.5.2 SETTINGS_HEADER_TABLE_SIZE: what holds until other settings are acknowledged. */
export const INITIAL_HEADER_TABLE_SIZE = 4096;
export const MAX_STREAM_ID = 2_147_483_647;

/** What a client sends first, RFC 9113 section 3.4. */
export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
