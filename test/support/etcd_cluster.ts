import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, PATIENCE } from './eventually.ts';
import { freePort } from './free_port.ts';

/** One process of a cluster. */
export interface EtcdMember {
  readonly name: string;
  /** `http://127.0.0.1:port`, or https with TLS: stays the same over restarts. */
  readonly endpoint: string;
  readonly port: number;
  /** Ends the process as a crash would; the data stays. */
  kill(): Promise<void>;
  /** Starts it again on the same ports and data. */
  restart(): void;
  /** Freezes the process: its sockets stay open and nothing answers. */
  pause(): void;
  resume(): void;
  /** Whether it is neither killed nor paused. */
  readonly up: boolean;
}

/** Real etcd processes (Debian's package `etcd-server`) that make one cluster, read and written with `etcdctl`. */
export interface EtcdCluster {
  readonly members: readonly EtcdMember[];
  readonly endpoints: readonly string[];
  /** The one that leads now; waits for an election. */
  leader(): Promise<EtcdMember>;
  /** Runs etcdctl against the members that are up; resolves with what it prints. */
  ctl(...args: readonly string[]): Promise<string>;
  put(key: string, value: string): Promise<void>;
  delete(key: string): Promise<void>;
  /** All records under a prefix, as etcd itself says: `etcdctl get --prefix`. */
  list(prefix: string): Promise<Map<string, string>>;
  /** Throws away all history below now. */
  compact(): Promise<void>;
  /** Ends all processes and removes their data. */
  stop(): Promise<void>;
}

export interface EtcdClusterOptions {
  readonly size?: number;
  /** Further flags of all members. */
  readonly args?: readonly string[];
  /** Clients speak TLS, and must show a certificate of this authority: paths of PEM files, used by members and etcdctl alike. */
  readonly tls?: { readonly ca: string; readonly cert: string; readonly key: string };
  /** For etcdctl, once auth is on: `root:password`. */
  readonly user?: () => string | null;
}

/** A test run that is cut off must not leave servers behind. */
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Starts a cluster, three members by default; resolves when it has a leader. */
export async function startEtcdCluster(options: EtcdClusterOptions = {}): Promise<EtcdCluster> {
  const { size = 3, tls, user = () => null } = options;
  const directory = await mkdtemp(join(tmpdir(), 'outrigger-etcd-cluster-'));
  const scheme = tls === undefined ? 'http' : 'https';
  const plans: { name: string; port: number; peer: string }[] = [];
  for (let at = 1; at <= size; at++) {
    plans.push({ name: `m${at}`, port: await freePort(), peer: `http://127.0.0.1:${await freePort()}` });
  }
  const initialCluster = plans.map(({ name, peer }) => `${name}=${peer}`).join();
  const members = plans.map(({ name, port, peer }) => {
    const endpoint = `${scheme}://127.0.0.1:${port}`;
    const flags: readonly (readonly [string, string])[] = [
      ['--name', name],
      ['--data-dir', join(directory, name)],
      ['--listen-client-urls', endpoint],
      ['--advertise-client-urls', endpoint],
      ['--listen-peer-urls', peer],
      ['--initial-advertise-peer-urls', peer],
      ['--initial-cluster', initialCluster],
      ['--initial-cluster-token', directory],
      // A paused member must not cost the others a term for each missed turn on a busy machine.
      ['--heartbeat-interval', '100'],
      ['--election-timeout', '1000'],
      ['--log-level', 'error'],
      ...(tls === undefined
        ? []
        : ([
            ['--cert-file', tls.cert],
            ['--key-file', tls.key],
            ['--trusted-ca-file', tls.ca],
          ] as const)),
    ];
    return memberOf(name, endpoint, port, [
      ...flags.flat(),
      ...(tls === undefined ? [] : ['--client-cert-auth']),
      ...(options.args ?? []),
    ]);
  });

  const ctl = (...args: readonly string[]): Promise<string> => {
    const login = user();
    const all = [
      `--endpoints=${members.filter(({ up }) => up).map(({ endpoint }) => endpoint)}`,
      '--command-timeout=10s',
      ...(login === null ? [] : [`--user=${login}`]),
      ...(tls === undefined ? [] : [`--cacert=${tls.ca}`, `--cert=${tls.cert}`, `--key=${tls.key}`]),
      ...args,
    ];
    return new Promise((resolve, reject) => {
      const env = { PATH: process.env.PATH, ETCDCTL_API: '3' };
      execFile('etcdctl', all, { env, maxBuffer: 1 << 28, timeout: 3 * PATIENCE }, (error, stdout, stderr) => {
        if (error) reject(new Error(`etcdctl ${args.join(' ')}: ${error.message} ${stderr}`));
        else resolve(stdout);
      });
    });
  };
  const cluster: EtcdCluster = {
    members,
    endpoints: members.map(({ endpoint }) => endpoint),
    leader: () =>
      eventually(async () => {
        const text = await ctl('endpoint', 'status', '-w', 'json');
        const answers = JSON.parse(bigNumbersAsText(text)) as {
          Endpoint: string;
          Status: { header: { member_id: string }; leader: string };
        }[];
        const found = answers.find(({ Status }) => Status.leader === Status.header.member_id && Status.leader !== '0');
        return members.find(({ endpoint }) => endpoint === found?.Endpoint) ?? false;
      }, 3 * PATIENCE),
    ctl,
    async put(key, value) {
      // Again if it must: between two leaders etcd may take it and say that it did not. Values may start with a dash.
      await eventually(() => ctl('put', '--', key, value), 3 * PATIENCE);
    },
    async delete(key) {
      await eventually(() => ctl('del', '--', key), 3 * PATIENCE);
    },
    async list(prefix) {
      const { kvs = [] } = JSON.parse(bigNumbersAsText(await ctl('get', '--prefix', '-w', 'json', '--', prefix))) as {
        kvs?: { key: string; value: string }[];
      };
      const text = (base64: string): string => Buffer.from(base64, 'base64').toString();
      return new Map(kvs.map(({ key, value }) => [text(key), text(value)]));
    },
    async compact() {
      const { header } = JSON.parse(bigNumbersAsText(await ctl('get', '-w', 'json', 'compact'))) as {
        header: { revision: string };
      };
      await ctl('compact', '--physical', String(header.revision));
    },
    async stop() {
      await Promise.all(members.map((member) => member.kill()));
      await rm(directory, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  await cluster.leader().catch(async (error: unknown) => {
    await cluster.stop();
    throw error;
  });
  return cluster;
}

function memberOf(name: string, endpoint: string, port: number, args: readonly string[]): EtcdMember {
  let child = launch(args);
  let paused = false;
  const alive = (): boolean => child.exitCode === null && child.signalCode === null;
  return {
    name,
    endpoint,
    port,
    async kill() {
      if (!alive()) return;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
      paused = false;
    },
    restart() {
      child = launch(args);
    },
    pause() {
      paused = child.kill('SIGSTOP');
    },
    resume() {
      child.kill('SIGCONT');
      paused = false;
    },
    get up() {
      return alive() && !paused;
    },
  };
}

function launch(args: readonly string[]): ChildProcess {
  const child = spawn('etcd', args, { stdio: 'ignore', env: { PATH: process.env.PATH } });
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

/** Ids of members have 64 bits, which JSON.parse would round. */
function bigNumbersAsText(json: string): string {
  return json.replace(/:(\d{16,})/g, ':"$1"');
}
