import {
  DEFAULT_WINDOW,
  INITIAL_HEADER_TABLE_SIZE,
  MAX_MAX_FRAME_SIZE,
  MAX_WINDOW,
  MIN_MAX_FRAME_SIZE,
  SETTING,
} from './frame/codes.ts';
import { readUint16, readUint32 } from './frame/read.ts';
import type { Limits } from './limits.ts';
import type { ProtocolErrorToken } from './protocol_errors.ts';

/** The peer's settings as far as they bind us (RFC 9113 section 6.5.2), with the initial values. */
export interface PeerSettings {
  headerTableSize: number;
  /** Infinity until the peer sets a limit. */
  maxConcurrentStreams: number;
  initialWindowSize: number;
  maxFrameSize: number;
}

export function initialPeerSettings(): PeerSettings {
  return {
    headerTableSize: INITIAL_HEADER_TABLE_SIZE,
    maxConcurrentStreams: Number.POSITIVE_INFINITY,
    initialWindowSize: DEFAULT_WINDOW,
    maxFrameSize: MIN_MAX_FRAME_SIZE,
  };
}

/** Takes over what a SETTINGS payload says, in order; returns why it is refused, or null. Unknown settings are ignored. */
export function readSettings(
  buf: Buffer,
  start: number,
  end: number,
  fromClient: boolean,
  into: PeerSettings,
): ProtocolErrorToken | null {
  for (let at = start; at < end; at += 6) {
    const id = readUint16(buf, at);
    const value = readUint32(buf, at + 2);
    if (id === SETTING.HEADER_TABLE_SIZE) into.headerTableSize = value;
    else if (id === SETTING.ENABLE_PUSH) {
      // A server must not send anything but 0 (section 6.5.2).
      if (value > (fromClient ? 1 : 0)) return 'settings_enable_push';
    } else if (id === SETTING.MAX_CONCURRENT_STREAMS) into.maxConcurrentStreams = value;
    else if (id === SETTING.INITIAL_WINDOW_SIZE) {
      if (value > MAX_WINDOW) return 'settings_initial_window';
      into.initialWindowSize = value;
    } else if (id === SETTING.MAX_FRAME_SIZE) {
      if (value < MIN_MAX_FRAME_SIZE || value > MAX_MAX_FRAME_SIZE) return 'settings_max_frame_size';
      into.maxFrameSize = value;
    }
  }
  return null;
}

/** What we announce: identifier, value, ... */
export function ownSettings(limits: Limits, server: boolean): number[] {
  const settings = [
    SETTING.INITIAL_WINDOW_SIZE,
    limits.streamWindow,
    SETTING.MAX_HEADER_LIST_SIZE,
    limits.maxHeaderListSize,
  ];
  if (limits.headerTableSize !== INITIAL_HEADER_TABLE_SIZE)
    settings.push(SETTING.HEADER_TABLE_SIZE, limits.headerTableSize);
  if (server)
    settings.push(SETTING.MAX_CONCURRENT_STREAMS, limits.maxConcurrentStreams, SETTING.ENABLE_CONNECT_PROTOCOL, 1);
  else settings.push(SETTING.ENABLE_PUSH, 0);
  return settings;
}
