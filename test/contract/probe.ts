import { getEventListeners, once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import type { TestFn } from 'ava';
import type { ProbeRoute } from '../../src/control/health/probes/connect.ts';
import type { Probe, ProbeEvents, ProbeResult } from '../../src/control/health/probes/probe.ts';
import type { Target } from '../../src/model/instance.ts';

/** An instance that a test makes well or unwell. */
export interface ProbedInstance {
  readonly target: Target;
  /** Left out where an instance that is there is well. */
  readonly set?: (well: boolean) => void;
  readonly stop: () => unknown;
}

/** A server that takes connections and never says anything. */
async function mute(): Promise<{ target: Target; connections(): number; stop(): void }> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  return {
    target: { host: '127.0.0.1', port },
    connections: () => sockets.size,
    stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

export const NO_EVENTS: ProbeEvents = { told() {}, stirred() {} };
export const NEVER = new AbortController().signal;
const LONG = 20_000;

/** One look with a probe of its own. */
export async function lookOnce(probe: Probe, signal: AbortSignal = NEVER): Promise<ProbeResult> {
  try {
    return await probe.look(signal);
  } finally {
    probe.close();
  }
}

/** What a probe is opened with, but for TLS, which each kind adds for itself. */
export type OpenProbe = (route: Omit<ProbeRoute, 'secure'>) => Probe;

/** The tests that every probe passes. */
export function probeContract(
  test: TestFn,
  kind: string,
  openProbe: OpenProbe,
  open: () => Promise<ProbedInstance>,
  { speaks }: { readonly speaks: boolean },
): void {
  test(`${kind}: an instance that is well passes, again and again`, async (t) => {
    const instance = await open();
    const probe = openProbe({ target: instance.target, timeout: LONG });
    try {
      for (let look = 0; look < 3; look++) t.deepEqual(await probe.look(NEVER), { ok: true });
    } finally {
      probe.close();
      await instance.stop();
    }
  });

  test(`${kind}: an instance that is unwell, or gone, fails and says why`, async (t) => {
    const instance = await open();
    const probe = openProbe({ target: instance.target, timeout: LONG });
    if (instance.set !== undefined) {
      instance.set(false);
      const unwell = await probe.look(NEVER);
      t.true(!unwell.ok && unwell.reason !== '', JSON.stringify(unwell));
      instance.set(true);
      t.true((await probe.look(NEVER)).ok);
    }
    await instance.stop();
    // One that holds a connection may notice only now that it has ended.
    await probe.look(NEVER);
    t.deepEqual(await probe.look(NEVER), { ok: false, reason: 'connection refused' });
    probe.close();
  });

  test(`${kind}: a look leaves nothing behind with those who might give it up`, async (t) => {
    const instance = await open();
    const probe = openProbe({ target: instance.target, timeout: LONG });
    const { signal } = new AbortController();
    for (let look = 0; look < 3; look++) await probe.look(signal);
    await instance.stop();
    await probe.look(signal);
    t.is(getEventListeners(signal, 'abort').length, 0);
    probe.close();
  });

  test(`${kind}: a look that is given up settles at once`, async (t) => {
    const server = await mute();
    try {
      const closing = new AbortController();
      const look = lookOnce(openProbe({ target: server.target, timeout: 600_000 }), closing.signal);
      closing.abort();
      const result = await look;
      t.is(typeof result.ok, 'boolean');
    } finally {
      server.stop();
    }
  });

  if (!speaks) return;
  test(`${kind}: an instance that takes the connection and says nothing fails when the time is over`, async (t) => {
    const server = await mute();
    try {
      const result = await lookOnce(openProbe({ target: server.target, timeout: 300 }));
      t.deepEqual(result, { ok: false, reason: 'no answer within 300 ms' });
    } finally {
      server.stop();
    }
  });
}
