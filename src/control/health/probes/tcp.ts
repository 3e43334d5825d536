import { connect } from 'node:net';
import type { Probe } from './probe.ts';
import { connectionFailure, timedOut } from './reasons.ts';

/** Well when a connection can be made; it is closed at once, without an octet sent. */
export const probeTcp: Probe = (target, { timeout, signal }) =>
  new Promise((resolve) => {
    const socket = connect({ ...target, timeout, ...(signal === undefined ? {} : { signal }) });
    const end = (result: Awaited<ReturnType<Probe>>): void => {
      socket.destroy();
      resolve(result);
    };
    socket.once('connect', () => end({ ok: true }));
    socket.once('timeout', () => end({ ok: false, reason: timedOut(timeout) }));
    // Stays: the socket may still fail after it was destroyed.
    socket.on('error', (error) => end({ ok: false, reason: connectionFailure(error) }));
  });
