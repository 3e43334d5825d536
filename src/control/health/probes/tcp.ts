import { connect } from 'node:net';
import type { ProbeRoute } from './connect.ts';
import { answering, type Probe, type ProbeResult } from './probe.ts';
import { connectionFailure, timedOut } from './reasons.ts';

/** Well when a connection can be made; it is closed at once, without an octet sent. */
export function probeTcp({ target, timeout }: Omit<ProbeRoute, 'secure'>): Probe {
  return answering(
    (signal) =>
      new Promise((resolve) => {
        // Not by the option of that name: Node would hold the socket for as long as the signal.
        const socket = connect({ ...target, timeout });
        const end = (result: ProbeResult): void => {
          signal.removeEventListener('abort', giveUp);
          socket.destroy();
          resolve(result);
        };
        const giveUp = (): void => end({ ok: false, reason: 'given up' });
        signal.addEventListener('abort', giveUp, { once: true });
        socket.once('connect', () => end({ ok: true }));
        socket.once('timeout', () => end({ ok: false, reason: timedOut(timeout) }));
        // Stays: the socket may still fail after it was destroyed.
        socket.on('error', (error) => end({ ok: false, reason: connectionFailure(error) }));
      }),
  );
}
