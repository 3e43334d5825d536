import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Child, startChild } from '../children.ts';
import type { Context } from '../context.ts';
import { freePort } from '../ports.ts';

/** A real etcd process, its data in the directory of the run. */
export interface Etcd {
  /** `http://127.0.0.1:PORT` */
  readonly endpoint: string;
  put(key: string, value: string): Promise<void>;
  /** All in one transaction: watchers see them at once. */
  putAll(records: ReadonlyMap<string, string>): Promise<void>;
  stop(): Promise<void>;
}

/** More operations than any transaction here has; etcd's own limit is 128. */
const MOST_OPERATIONS = 5_000;
const START_TIMEOUT = 20_000;

/** Starts etcd; resolves when it answers. */
export async function startEtcd(context: Context): Promise<Etcd> {
  const [port, peerPort] = [await freePort(), await freePort()];
  const endpoint = `http://127.0.0.1:${port}`;
  const peer = `http://127.0.0.1:${peerPort}`;
  const child: Child = startChild(
    'etcd',
    'etcd',
    [
      ['--data-dir', join(context.directory, `etcd-${port}`)],
      ['--listen-client-urls', endpoint, '--advertise-client-urls', endpoint],
      ['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', `default=${peer}`],
      ['--max-txn-ops', String(MOST_OPERATIONS), '--log-level', 'error'],
    ].flat(),
  );
  const call = async (path: string, body: object): Promise<void> => {
    const signal = AbortSignal.timeout(5_000);
    const response = await fetch(`${endpoint}/v3/kv/${path}`, { method: 'POST', body: JSON.stringify(body), signal });
    const text = await response.text();
    if (!response.ok) throw new Error(`etcd ${path}: ${response.status} ${text.slice(0, 200)}`);
  };
  const deadline = Date.now() + START_TIMEOUT;
  for (;;) {
    try {
      await call('range', { key: base64('ready') });
      break;
    } catch (error) {
      if (Date.now() < deadline) await delay(50);
      else {
        await child.stop();
        throw new Error(`etcd does not answer after ${START_TIMEOUT} ms: ${child.output().slice(-500)}`, {
          cause: error,
        });
      }
    }
  }
  const record = (key: string, value: string) => ({ key: base64(key), value: base64(value) });
  return {
    endpoint,
    put: (key, value) => call('put', record(key, value)),
    putAll: (records) =>
      call('txn', { success: Array.from(records, ([key, value]) => ({ requestPut: record(key, value) })) }),
    stop: () => child.stop(),
  };
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
