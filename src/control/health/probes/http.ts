import type { ClientRequest } from 'node:http';
import type { RequestOptions } from 'node:https';
import { type ProbeRoute, tlsOptions } from './connect.ts';
import { answering, type Probe, type ProbeResult } from './probe.ts';
import { connectionFailure, timedOut } from './reasons.ts';

/** Well when `GET path` over HTTP/1.1 is answered with a status from 200 to 399, as the kubelet's httpGet has it. Redirects are not followed. */
export function probeHttp(path: string, route: ProbeRoute): Probe {
  return answering((signal) => get(path, route, signal));
}

function get(path: string, { target, secure, timeout }: ProbeRoute, signal: AbortSignal): Promise<ProbeResult> {
  return new Promise((resolve) => {
    // Loaded with the first look: most sidecars make none.
    const { request } = process.getBuiltinModule(secure === null ? 'node:http' : 'node:https');
    let call: ClientRequest | null = null;
    const end = (result: ProbeResult): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', giveUp);
      call?.destroy();
      resolve(result);
    };
    const giveUp = (): void => end({ ok: false, reason: 'given up' });
    // The socket's own timeout starts anew with every octet: an answer that trickles would never end.
    const timer = setTimeout(() => end({ ok: false, reason: timedOut(timeout) }), timeout);
    timer.unref();
    const fail = (error: unknown): void => end({ ok: false, reason: connectionFailure(error) });
    try {
      const options: RequestOptions = {
        ...('path' in target ? { socketPath: target.path } : target),
        ...(secure === null ? {} : tlsOptions(target, secure, 'http/1.1')),
        path,
        agent: false,
        headers: { 'user-agent': 'outrigger-health', connection: 'close' },
      };
      call = request(options);
      if (signal.aborted) return giveUp();
      signal.addEventListener('abort', giveUp, { once: true });
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
