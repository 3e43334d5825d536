import type { Duplex } from 'node:stream';

/** A socket that takes everything at once and never says anything: what is measured then is our own part. */
export function nullSocket(): Duplex {
  const socket = {
    write(_chunk: Buffer, done?: (error: null) => void): boolean {
      done?.(null);
      return true;
    },
    _write(_chunk: Buffer, _encoding: string, done: (error: null) => void): void {
      done(null);
    },
    cork() {},
    uncork() {},
    on: () => socket,
    once: () => socket,
    end() {},
    destroy() {},
  };
  return socket as unknown as Duplex;
}
