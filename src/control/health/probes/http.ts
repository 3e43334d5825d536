import type { ClientRequest } from 'node:http';
import type { Probe, ProbeResult } from './probe.ts';
import { connectionFailure, timedOut } from './reasons.ts';

/** Well when `GET path` over HTTP/1.1 is answered with a status from 200 to 399, as the kubelet's httpGet has it. Redirects are not followed. */
export function probeHttp(path: string): Probe {
  return (target, { timeout, signal }) =>
    new Promise((resolve) => {
      // Loaded with the first look: most sidecars make none.
      const { request } = process.getBuiltinModule('node:http');
      const where = 'path' in target ? { socketPath: target.path } : target;
      let call: ClientRequest | null = null;
      const end = (result: ProbeResult): void => {
        clearTimeout(timer);
        call?.destroy();
        resolve(result);
      };
      // The socket's own timeout starts anew with every octet: an answer that trickles would never end.
      const timer = setTimeout(() => end({ ok: false, reason: timedOut(timeout) }), timeout);
      timer.unref();
      const fail = (error: unknown): void => end({ ok: false, reason: connectionFailure(error) });
      try {
        call = request({
          ...where,
          path,
          agent: false,
          headers: { 'user-agent': 'outrigger-health', connection: 'close' },
        });
        if (signal?.aborted) return end({ ok: false, reason: 'given up' });
        signal?.addEventListener('abort', () => end({ ok: false, reason: 'given up' }), { once: true });
        call.on('error', fail);
        call.on('response', ({ statusCode = 0 }) => {
          if (statusCode >= 200 && statusCode < 400) end({ ok: true });
          else end({ ok: false, reason: `${path} answered with status ${statusCode}` });
        });
        call.end();
      } catch (error) {
        fail(error);
      }
    });
}
