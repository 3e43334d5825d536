import { connect } from 'node:net';
import type { ProbeRoute } from './connect.ts';
import { answering, type Probe, type ProbeResult } from './probe.ts';
import { connectionFailure, timedOut } from './reasons.ts';

/** Well when a connection can be made; it is closed at once, without an octet sent. */
export function probeTcp({ target, timeout }: Omit<ProbeRoute, 'secure'>): Probe {
  return answering(
    (signal) =>
      new Promise((resolve) => {
        const socket = connect({ ...target, timeout, signal });
        const end = (result: ProbeResult): void => {
          socket.destroy();
          resolve(result);
        };
        socket.once('connect', () => end({ ok: true }));
        socket.once('timeout', () => end({ ok: false, reason: timedOut(timeout) }));
        // Stays: the socket may still fail after it was destroyed.
        socket.on('error', (error) => end({ ok: false, reason: connectionFailure(error) }));
      }),
  );
}
