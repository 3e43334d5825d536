import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from './eventually.ts';
import { freePort } from './free_port.ts';

/** A real Consul process (1.8.7 where Debian's package is used) with ports and a data directory of its own. */
export interface ConsulAgent {
  readonly node: string;
  /** `http://127.0.0.1:port`: stays the same over restarts. */
  readonly address: string;
  readonly port: number;
  /** What `-retry-join` of another agent takes. */
  readonly gossip: string;
  /** Any call of the HTTP API, with the master token where ACLs are on; rejects for any status but 200. */
  call(method: 'GET' | 'PUT' | 'POST', path: string, body?: unknown): Promise<unknown>;
  /** Resolves when it can answer questions about services: it has a leader. */
  ready(): Promise<void>;
  /** Registers an instance with this agent; `check` as the agent's API takes it. */
  register(instance: ConsulInstance): Promise<void>;
  deregister(id: string): Promise<void>;
  /** The addresses that Consul itself gives for a service, sorted. */
  healthy(service: string): Promise<string[]>;
  /** Ends the process as a crash would; the data stays. */
  kill(): Promise<void>;
  /** Starts it again on the same ports and data. */
  restart(): Promise<void>;
  /** Ends the process and removes its data. */
  stop(): Promise<void>;
}

/** An instance as a test registers it. */
export interface ConsulInstance {
  readonly id: string;
  readonly service: string;
  readonly address: string;
  readonly tags?: readonly string[];
  readonly meta?: Readonly<Record<string, string>>;
  readonly weights?: { readonly Passing: number; readonly Warning: number };
  readonly taggedAddresses?: unknown;
  readonly check?: unknown;
}

export interface ConsulAgentOptions {
  readonly node?: string;
  /** How many servers make the cluster; 0 for an agent that is none. 1 when left out. */
  readonly servers?: number;
  /** `gossip` of the agents to join. */
  readonly join?: readonly string[];
  /** Switches ACLs on, denies what is not allowed, and makes this the token that may do everything. */
  readonly masterToken?: string;
}

/** Starts a Consul process; it may not have a leader yet (see `ready`). */
export async function startConsul(options: ConsulAgentOptions = {}): Promise<ConsulAgent> {
  const { node = 'n1', servers = 1, join: peers = [], masterToken } = options;
  const directory = await mkdtemp(join(tmpdir(), 'outrigger-consul-'));
  const [http, gossip, rpc] = [await freePort(), await freePort(), await freePort()];
  const address = `http://127.0.0.1:${http}`;
  const configFile = join(directory, 'agent.json');
  await writeFile(
    configFile,
    JSON.stringify({
      node_name: node,
      data_dir: join(directory, 'data'),
      bind_addr: '127.0.0.1',
      client_addr: '127.0.0.1',
      // -1: not opened.
      ports: { http, serf_lan: gossip, server: rpc, serf_wan: -1, dns: -1, grpc: -1 },
      ...(servers > 0 ? { server: true, bootstrap_expect: servers } : {}),
      retry_join: peers,
      retry_interval: '200ms',
      // Elections in about a second, members found dead in one or two.
      performance: { raft_multiplier: 1 },
      gossip_lan: { probe_interval: '250ms', probe_timeout: '150ms', suspicion_mult: 3 },
      disable_update_check: true,
      ...(masterToken === undefined
        ? {}
        : {
            acl: {
              enabled: true,
              default_policy: 'deny',
              // What a token may do is looked up each time, so that a test need not wait for it.
              policy_ttl: '0s',
              token_ttl: '0s',
              tokens: { master: masterToken, agent: masterToken },
            },
          }),
    }),
  );
  let child = launch(configFile);

  const call: ConsulAgent['call'] = async (method, path, body) => {
    const response = await fetch(`${address}/v1/${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      headers: { connection: 'close', ...(masterToken === undefined ? {} : { 'x-consul-token': masterToken }) },
      signal: AbortSignal.timeout(10_000),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`consul ${path}: ${response.status} ${text}`);
    return text === '' ? null : JSON.parse(text);
  };
  const end = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  return {
    node,
    address,
    port: http,
    gossip: `127.0.0.1:${gossip}`,
    call,
    async ready() {
      await eventually(async () => {
        const nodes = (await call('GET', 'health/service/consul?passing')) as unknown[];
        return nodes.length > 0;
      }, 30_000);
    },
    async register({ id, service, address: target, tags = [], meta = {}, weights, taggedAddresses, check }) {
      const colon = target.lastIndexOf(':');
      await call('PUT', 'agent/service/register', {
        ID: id,
        Name: service,
        Address: target.slice(0, colon),
        Port: Number(target.slice(colon + 1)),
        Tags: tags,
        Meta: meta,
        ...(weights === undefined ? {} : { Weights: weights }),
        ...(taggedAddresses === undefined ? {} : { TaggedAddresses: taggedAddresses }),
        ...(check === undefined ? {} : { Check: check }),
      });
    },
    async deregister(id) {
      await call('PUT', `agent/service/deregister/${id}`);
    },
    async healthy(service) {
      const entries = (await call('GET', `health/service/${service}?passing`)) as {
        Service: { Address: string; Port: number };
      }[];
      return entries.map(({ Service }) => `${Service.Address}:${Service.Port}`).sort();
    },
    kill: end,
    async restart() {
      await end();
      child = launch(configFile);
    },
    async stop() {
      await end();
      await rm(directory, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** A test run that is cut off must not leave servers behind. */
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

function launch(configFile: string): ChildProcess {
  const child = spawn('consul', ['agent', '-config-file', configFile, '-log-level', 'err'], {
    stdio: 'ignore',
    env: { PATH: process.env.PATH, GOMAXPROCS: '2' },
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}
