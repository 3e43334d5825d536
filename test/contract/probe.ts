import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import type { TestFn } from 'ava';
import type { Probe } from '../../src/control/health/probes/probe.ts';
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

/** The tests that every probe passes. */
export function probeContract(
  test: TestFn,
  kind: string,
  probe: Probe,
  open: () => Promise<ProbedInstance>,
  { speaks }: { readonly speaks: boolean },
): void {
  test(`${kind}: an instance that is well passes, again and again`, async (t) => {
    const instance = await open();
    try {
      for (let look = 0; look < 3; look++) t.deepEqual(await probe(instance.target, { timeout: 20_000 }), { ok: true });
    } finally {
      await instance.stop();
    }
  });

  test(`${kind}: an instance that is unwell, or gone, fails and says why`, async (t) => {
    const instance = await open();
    if (instance.set !== undefined) {
      instance.set(false);
      const unwell = await probe(instance.target, { timeout: 20_000 });
      t.true(!unwell.ok && unwell.reason !== '', JSON.stringify(unwell));
      instance.set(true);
      t.true((await probe(instance.target, { timeout: 20_000 })).ok);
    }
    await instance.stop();
    t.deepEqual(await probe(instance.target, { timeout: 20_000 }), { ok: false, reason: 'connection refused' });
  });

  test(`${kind}: a look that is given up settles at once`, async (t) => {
    const server = await mute();
    try {
      const closing = new AbortController();
      const look = probe(server.target, { timeout: 600_000, signal: closing.signal });
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
      const result = await probe(server.target, { timeout: 300 });
      t.deepEqual(result, { ok: false, reason: 'no answer within 300 ms' });
    } finally {
      server.stop();
    }
  });
}
