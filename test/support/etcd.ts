import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from './eventually.ts';
import { freePort } from './free_port.ts';

/** A real etcd process with ports and a data directory of its own. */
export interface EtcdServer {
  /** `http://127.0.0.1:port`: stays the same over restarts. */
  readonly endpoint: string;
  readonly port: number;
  /** Ends the process and removes its data. */
  stop(): Promise<void>;
  /** Ends the process as a crash would; the data stays. */
  kill(): Promise<void>;
  /** Starts it again on the same ports and data; resolves when it answers. */
  restart(): Promise<void>;
  /** As `restart`, with nothing left of what it held. */
  wipe(): Promise<void>;
  /** Freezes the process: its sockets stay open and nothing answers. */
  pause(): void;
  resume(): void;
  /** Each writes through etcd's own JSON gateway, with a user's token when auth is on. All give the revision. */
  put(key: string, value: string, lease?: string): Promise<bigint>;
  /** All in one transaction, which is one revision; at most 128. */
  putAll(records: Readonly<Record<string, string>>): Promise<bigint>;
  delete(key: string): Promise<bigint>;
  /** Everything under a prefix: values by key. */
  list(prefix: string): Promise<Readonly<Record<string, string>>>;
  /** The leases that exist. */
  leases(): Promise<string[]>;
  /** Throws away all history below this revision. */
  compact(revision: bigint): Promise<void>;
  /** The id of a new lease. */
  grant(ttlSeconds: number): Promise<string>;
  revoke(lease: string): Promise<void>;
  /** Makes the user `root` with this password and a user `reader` (same password) without rights, and switches auth on. */
  enableAuth(password: string): Promise<void>;
}

/** Starts an etcd process (Debian's package `etcd-server`); resolves when it answers. */
export async function startEtcd(): Promise<EtcdServer> {
  const directory = await mkdtemp(join(tmpdir(), 'outrigger-etcd-'));
  const [port, peerPort] = await Promise.all([freePort(), freePort()]);
  const endpoint = `http://127.0.0.1:${port}`;
  let token: string | null = null;
  let child = launch(directory, endpoint, `http://127.0.0.1:${peerPort}`);

  const call = async (path: string, body: unknown): Promise<Record<string, never>> => {
    const response = await fetch(`${endpoint}/v3/${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { connection: 'close', ...(token === null ? {} : { authorization: token }) },
      signal: AbortSignal.timeout(5_000),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`etcd ${path}: ${response.status} ${text}`);
    return JSON.parse(text) as Record<string, never>;
  };
  const revisionOf = ({ header }: { header?: { revision: string } }): bigint => BigInt(header?.revision ?? 0);
  const ready = (): Promise<unknown> => eventually(() => call('kv/range', { key: base64('ready') }), 20_000);
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGCONT');
    child.kill(signal);
    await once(child, 'exit');
  };
  const put = (key: string, value: string) => ({ key: base64(key), value: base64(value) });

  const stop = async (): Promise<void> => {
    await end('SIGKILL');
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  };

  await ready().catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  return {
    endpoint,
    port,
    stop,
    kill: () => end('SIGKILL'),
    async restart() {
      await end('SIGKILL');
      child = launch(directory, endpoint, `http://127.0.0.1:${peerPort}`);
      await ready();
    },
    async wipe() {
      await end('SIGKILL');
      await rm(join(directory, 'data'), { recursive: true, force: true, maxRetries: 5 });
      child = launch(directory, endpoint, `http://127.0.0.1:${peerPort}`);
      await ready();
    },
    pause: () => child.kill('SIGSTOP'),
    resume: () => child.kill('SIGCONT'),
    put: async (key, value, lease) =>
      revisionOf(await call('kv/put', { ...put(key, value), ...(lease ? { lease } : {}) })),
    async putAll(records) {
      const success = Object.entries(records).map(([key, value]) => ({ requestPut: put(key, value) }));
      return revisionOf(await call('kv/txn', { success }));
    },
    delete: async (key) => revisionOf(await call('kv/deleterange', { key: base64(key) })),
    async list(prefix) {
      const end = Buffer.from(prefix);
      end[end.length - 1] = (end.at(-1) ?? 0) + 1;
      const answer = (await call('kv/range', {
        key: base64(prefix),
        range_end: end.toString('base64'),
      })) as unknown as {
        kvs?: { key: string; value?: string }[];
      };
      const text = (value = ''): string => Buffer.from(value, 'base64').toString();
      return Object.fromEntries((answer.kvs ?? []).map(({ key, value }) => [text(key), text(value)]));
    },
    async leases() {
      const { leases = [] } = (await call('lease/leases', {})) as unknown as { leases?: { ID: string }[] };
      return leases.map(({ ID }) => ID);
    },
    async compact(revision) {
      await call('kv/compaction', { revision: String(revision), physical: true });
    },
    async grant(ttlSeconds) {
      const { ID } = (await call('lease/grant', { TTL: ttlSeconds })) as unknown as { ID: string };
      return ID;
    },
    async revoke(lease) {
      await call('kv/lease/revoke', { ID: lease });
    },
    async enableAuth(password) {
      await call('auth/role/add', { name: 'root' });
      for (const name of ['root', 'reader']) await call('auth/user/add', { name, password });
      await call('auth/user/grant', { user: 'root', role: 'root' });
      await call('auth/enable', {});
      const answer = (await call('auth/authenticate', { name: 'root', password })) as unknown as { token: string };
      token = answer.token;
    },
  };
}

/** A test run that is cut off must not leave servers behind. */
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

function launch(directory: string, client: string, peer: string): ChildProcess {
  const child = spawn(
    'etcd',
    [
      ['--data-dir', join(directory, 'data')],
      ['--listen-client-urls', client],
      ['--advertise-client-urls', client],
      ['--listen-peer-urls', peer],
      ['--initial-advertise-peer-urls', peer],
      ['--initial-cluster', `default=${peer}`],
      // Lets a test ping more often than etcd's minimum of 5 s, and elect quickly.
      ['--grpc-keepalive-min-time', '100ms'],
      ['--heartbeat-interval', '50'],
      ['--election-timeout', '250'],
      ['--log-level', 'error'],
    ].flat(),
    { stdio: 'ignore', env: { PATH: process.env.PATH } },
  );
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
