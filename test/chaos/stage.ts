import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type EtcdServer, startEtcd } from '../support/etcd.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free_port.ts';
import { type Sidecar, startSidecar, temporaryDirectory } from '../support/sidecar.ts';
import { InstanceProcess } from './instance_process.ts';
import { MiddleBox } from './middle_box.ts';
import { Namespace } from './namespace.ts';

/** How long an instance is left out the first time, in milliseconds. */
export const BASE_EJECTION = 3_000;
/** Failures in a row after which it is. */
export const EJECTION_THRESHOLD = 5;

/** What the sidecar is told of a service, besides where its instances stand. */
const SERVICE = {
  outlier: { consecutive_failures: EJECTION_THRESHOLD, base_ejection: `${BASE_EJECTION}ms`, max_ejection: '6s' },
};
const RETRY = { attempts: 3, per_try_timeout: '500ms', on: ['unavailable'] };

/** One sidecar, five instances in processes of their own, and the registry that they stand in. */
export class Stage {
  readonly instances: ReadonlyMap<string, InstanceProcess>;
  /** Stands before the instance `e`, always. */
  readonly box: MiddleBox;
  /** `d` runs in it; null where this machine does not let us. */
  readonly namespace: Namespace | null;
  /** Null: the instances stand in a file. */
  readonly etcd: EtcdServer | null;
  sidecar: Sidecar;
  readonly #config: object;
  readonly #registered: Map<string, string>;
  readonly #file: string | null;

  private constructor(
    parts: Pick<Stage, 'instances' | 'box' | 'namespace' | 'etcd' | 'sidecar'> & {
      readonly config: object;
      readonly registered: Map<string, string>;
      readonly file: string | null;
    },
  ) {
    this.instances = parts.instances;
    this.box = parts.box;
    this.namespace = parts.namespace;
    this.etcd = parts.etcd;
    this.sidecar = parts.sidecar;
    this.#config = parts.config;
    this.#registered = parts.registered;
    this.#file = parts.file;
  }

  /** @param withEtcd else the instances stand in a file */
  static async build(withEtcd: boolean): Promise<Stage> {
    const namespace = Namespace.create();
    const instances = new Map<string, InstanceProcess>();
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      const inside = name === 'd' ? namespace : null;
      const place = { host: inside?.host ?? '127.0.0.1', port: 0, namespace: inside?.name ?? null };
      instances.set(name, new InstanceProcess(name, place));
    }
    const [etcd] = await Promise.all([
      withEtcd ? startEtcd() : null,
      ...Array.from(instances.values(), (instance) => instance.start()),
    ]);
    const box = new MiddleBox(() => ({ host: '127.0.0.1', port: (instances.get('e') as InstanceProcess).port }));
    const registered = new Map(Array.from(instances, ([name, instance]) => [name, instance.address]));
    registered.set('e', await box.listen());
    const file = etcd === null ? join(temporaryDirectory(), 'instances.json') : null;
    if (file !== null) writeRecords(file, registered);
    else for (const [name, address] of registered) await etcd?.put(keyOf(name), recordOf(name, address));
    const [listen, admin, telemetry] = await Promise.all([freePort(), freePort(), freePort()]);
    const where = etcd === null ? {} : { path: '/services/echo/' };
    const config = {
      listen: `127.0.0.1:${listen}`,
      admin: `127.0.0.1:${admin}`,
      telemetry: `127.0.0.1:${telemetry}`,
      reuse_port: true,
      registries: {
        main: file === null ? { type: 'etcd', endpoints: [etcd?.endpoint] } : { type: 'file', path: file },
      },
      services: { echo: { ...SERVICE, ...where }, 'echo-retried': { ...SERVICE, ...where, retry: RETRY } },
    };
    const sidecar = await startSidecar(config);
    const stage = new Stage({ instances, box, namespace, etcd, sidecar, config, registered, file });
    await stage.untilAllReady();
    return stage;
  }

  get address(): string {
    return this.sidecar.address;
  }

  instance(name: string): InstanceProcess {
    return this.instances.get(name) as InstanceProcess;
  }

  /** The names of the instances whose processes nothing stands before. */
  get direct(): string[] {
    return ['a', 'b', 'c'];
  }

  /** Writes what changes, and takes out those of `gone`, at once. */
  async register(changes: ReadonlyMap<string, string>, gone: readonly string[] = []): Promise<void> {
    for (const [name, address] of changes) this.#registered.set(name, address);
    for (const name of gone) this.#registered.delete(name);
    if (this.#file !== null) return writeRecords(this.#file, this.#registered);
    const records = Array.from(changes, ([name, address]) => [keyOf(name), recordOf(name, address)]);
    if (records.length > 0) await this.etcd?.putAll(Object.fromEntries(records) as Record<string, string>);
    for (const name of gone) await this.etcd?.delete(keyOf(name));
  }

  /** The states of an instance in both services; empty when it is not listed. */
  async states(name: string): Promise<string[]> {
    const address = this.#registered.get(name);
    const services = await Promise.all(['echo', 'echo-retried'].map((service) => this.sidecar.service(service)));
    return services.flatMap((service) => {
      const found = service?.instances.find((instance) => instance.address === address);
      return found === undefined ? [] : [found.state];
    });
  }

  async untilAllReady(): Promise<void> {
    for (const service of ['echo', 'echo-retried']) await this.sidecar.untilReady(service, this.#registered.size);
  }

  /** Another sidecar takes the ports over, and the one before ends. Resolves with its exit code. */
  async restartSidecar(): Promise<number | string> {
    const before = this.sidecar;
    const next = await startSidecar(this.#config);
    await eventually(
      () => !/no answer from its registry yet/.test(next.output()) && /service echo: 5/.test(next.output()),
    );
    this.sidecar = next;
    return before.stop();
  }

  /** The sum of a metric over all series that have these labels. */
  async metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    const text = await (await fetch(`${this.sidecar.telemetry}/metrics`)).text();
    const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
    let sum = 0;
    for (const line of text.split('\n')) {
      if (!line.startsWith(`${name}{`) && !line.startsWith(`${name} `)) continue;
      if (wanted.every((label) => line.includes(label))) sum += Number(line.split(' ').at(-1));
    }
    return sum;
  }

  async end(): Promise<void> {
    await this.sidecar.kill();
    this.box.close();
    await Promise.all(Array.from(this.instances.values(), (instance) => instance.kill()));
    await this.etcd?.stop();
    this.namespace?.remove();
  }
}

const keyOf = (name: string): string => `/services/echo/${name}`;

/** As Go services with a register package of that name write it. */
function recordOf(name: string, address: string): string {
  const node = { name: 'echo', path: '/services/echo', id: name, version: 'v1', address };
  return JSON.stringify({ node, metadata: {}, endpoints: {} });
}

function writeRecords(file: string, registered: ReadonlyMap<string, string>): void {
  const instances = Array.from(registered.values(), (address) => ({ address, version: 'v1' }));
  writeFileSync(file, JSON.stringify({ services: { echo: instances, 'echo-retried': instances } }));
}
