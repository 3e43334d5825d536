import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import zookeeper, { type Client } from 'node-zookeeper-client';
import { eventually, PATIENCE } from './eventually.ts';
import { freePort } from './free_port.ts';

/** Where `.ci/install --servers` puts what it takes out of Debian's packages. */
const JARS = '/usr/local/share/outrigger-tests/zookeeper';

/** Whether a real ZooKeeper can be started here. */
export function zookeeperPresent(): boolean {
  if (existsSync(join(JARS, 'zookeeper.jar')) && spawnSync('java', ['-version'], { stdio: 'ignore' }).status === 0)
    return true;
  console.error(
    'SKIPPED: this machine has no ZooKeeper; `sh .ci/install --servers` (as root, Debian) installs it, and a JRE with it',
  );
  return false;
}

/** A real ZooKeeper process with a port and a data directory of its own. */
export interface ZookeeperServer {
  /** `127.0.0.1:port`: stays the same over restarts. */
  readonly address: string;
  readonly port: number;
  /** Ends the process and removes its data. */
  stop(): Promise<void>;
  /** Ends the process as a crash would; the data stays. */
  kill(): Promise<void>;
  /** Starts it again on the same port and data; resolves when it answers. */
  restart(): Promise<void>;
  /** Freezes the process: its sockets stay open and nothing answers. */
  pause(): void;
  resume(): void;
}

/** A test run that is cut off must not leave servers behind. */
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Starts ZooKeeper (Debian's package `libzookeeper-java`); resolves when it answers. */
export async function startZookeeper(): Promise<ZookeeperServer> {
  const directory = await mkdtemp(join(tmpdir(), 'outrigger-zookeeper-'));
  const port = await freePort();
  const config = join(directory, 'zoo.cfg');
  const settings = {
    tickTime: 500,
    dataDir: join(directory, 'data'),
    clientPort: port,
    clientPortAddress: '127.0.0.1',
    maxClientCnxns: 0,
    'admin.enableServer': false,
    '4lw.commands.whitelist': 'srvr',
  };
  await writeFile(
    config,
    Object.entries(settings)
      .map(([key, value]) => `${key}=${value}\n`)
      .join(''),
  );
  let child = launch(config);
  const ready = (): Promise<unknown> => eventually(() => answers(port), 3 * PATIENCE);
  const end = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  const stop = async (): Promise<void> => {
    await end();
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  };
  await ready().catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  return {
    address: `127.0.0.1:${port}`,
    port,
    stop,
    kill: end,
    async restart() {
      await end();
      child = launch(config);
      await ready();
    },
    pause: () => child.kill('SIGSTOP'),
    resume: () => child.kill('SIGCONT'),
  };
}

function launch(config: string): ChildProcess {
  const options = ['-Xmx128m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Dzookeeper.forceSync=no'];
  const log = ['-Dorg.slf4j.simpleLogger.defaultLogLevel=error'];
  const main = 'org.apache.zookeeper.server.ZooKeeperServerMain';
  const child = spawn('java', [...options, ...log, '-cp', join(JARS, '*'), main, config], {
    stdio: 'ignore',
    env: { PATH: process.env.PATH },
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

/** Asks with one of its "four letter words"; before it serves it says so. */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('srvr'));
    let answer = '';
    socket.on('data', (data) => {
      answer += data;
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(answer.includes('Mode: standalone')));
    socket.setTimeout(1_000, () => socket.destroy());
  });
}

/** A session that writes nodes, as a registering process does. Its nodes are ephemeral: they end with it. */
export interface ZookeeperWriter {
  readonly client: Client;
  /** Makes the node with this value, with all its parents, or changes it. */
  put(path: string, value: string): Promise<void>;
  /** Makes the node, without a value, and all its parents; these stay. */
  makeParents(path: string): Promise<void>;
  delete(path: string): Promise<void>;
  /** The children and their values, as the server has them now. */
  list(path: string): Promise<Record<string, string>>;
  /** May be called again. */
  close(): Promise<void>;
}

/** @param address `host:port`, perhaps with a path */
export async function connectWriter(address: string, digest?: string): Promise<ZookeeperWriter> {
  // The client library waits for the answer to its first message for ever, and for that to its last.
  const within = (): { signal: AbortSignal } => ({ signal: AbortSignal.timeout(5_000) });
  const client = await eventually(async () => {
    const made = zookeeper.createClient(address, { sessionTimeout: 5_000 });
    if (digest !== undefined) made.addAuthInfo('digest', Buffer.from(digest));
    const connected = once(made, 'connected', within());
    made.connect();
    try {
      await connected;
    } catch (error) {
      made.close();
      throw error;
    }
    return made;
  }, 3 * PATIENCE);
  const call = <T>(start: (done: (error: unknown, value?: unknown) => void) => void): Promise<T> =>
    new Promise((resolve, reject) => start((error, value) => (error ? reject(error) : resolve(value as T))));
  const known = new Set<string>();
  let closed = false;
  const makeParents = async (path: string): Promise<void> => {
    if (known.has(path) || path === '') return;
    await call((done) => client.mkdirp(path, done));
    known.add(path);
  };
  return {
    client,
    makeParents,
    async put(path, value) {
      await makeParents(path.slice(0, path.lastIndexOf('/')));
      const data = Buffer.from(value);
      try {
        await call((done) => client.setData(path, data, done));
      } catch {
        await call((done) => client.create(path, data, zookeeper.CreateMode.EPHEMERAL, done));
      }
    },
    delete: (path) => call((done) => client.remove(path, done)),
    async list(path) {
      const names = await call<string[]>((done) => client.getChildren(path, done));
      const values = names.map(async (name) => {
        const value = await call<Buffer | undefined>((done) => client.getData(`${path}/${name}`, done));
        return [name, value?.toString() ?? ''] as const;
      });
      return Object.fromEntries(await Promise.all(values));
    },
    async close() {
      if (closed) return;
      closed = true;
      // Only a client that is connected says that it ended; another one gives up trying.
      const ended =
        client.getState() === zookeeper.State.SYNC_CONNECTED ? once(client, 'disconnected', within()) : null;
      client.close();
      await ended?.catch(() => {});
    },
  };
}
