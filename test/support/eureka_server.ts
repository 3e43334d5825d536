import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';

/**
 * A FAKE of Eureka's REST interface, as far as a reader sees it: there is no package of the real server that
 * could run here. Paths, fields, the odd JSON of ports, the counting of statuses and the memory of changes are those of
 * https://github.com/Netflix/eureka/wiki/Eureka-REST-operations, `ApplicationsResource` and `AbstractInstanceRegistry` of eureka-core 1.10, whose encoder is `EurekaJsonJacksonCodec`.
 */
export interface EurekaServer {
  readonly port: number;
  /** Base URL, as in `urls`. */
  readonly url: string;
  /** Registers an instance, or changes it. */
  register(app: string, instance: FakeInstance): void;
  /** What `PUT .../status?value=` does: OUT_OF_SERVICE and back. */
  setStatus(app: string, id: string, status: string): void;
  deregister(app: string, id: string): void;
  /** Takes an instance out without a word of it in the changes, as when they have been forgotten. */
  dropSilently(app: string, id: string): void;
  /** What three minutes do: nothing counts as changed any more. */
  forgetChanges(): void;
  /** Paths asked for so far. */
  readonly asked: readonly string[];
  stop(): Promise<void>;
}

export interface FakeInstance {
  readonly id: string;
  readonly host?: string;
  readonly ip?: string;
  readonly port?: number;
  readonly portEnabled?: boolean;
  readonly securePort?: number;
  readonly securePortEnabled?: boolean;
  readonly status?: string;
  readonly vip?: string;
  readonly zone?: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

export interface EurekaServerOptions {
  /** `user:password` that every request must bring. */
  readonly basic?: string;
  /** `eureka.disableDelta`. */
  readonly deltaDisabled?: boolean;
  /** Lists of one are written as the thing itself, as servers with the XStream codec do. */
  readonly oneAsObject?: boolean;
  /** PEM. */
  readonly tls?: { readonly key: string | Buffer; readonly cert: string | Buffer; readonly ca?: string | Buffer };
}

type Json = Readonly<Record<string, unknown>>;

/** Starts the fake on a port of the system's choice. */
export async function startEurekaServer(options: EurekaServerOptions = {}): Promise<EurekaServer> {
  const apps = new Map<string, Map<string, Json>>();
  /** `recentlyChangedQueue`: what changed, newest last. Three minutes are for ever in a test. */
  let changed: { readonly app: string; readonly id: string; readonly instance: Json }[] = [];
  const asked: string[] = [];
  let version = 1;

  const list = (items: readonly unknown[]): unknown => (options.oneAsObject && items.length === 1 ? items[0] : items);
  const hash = (): string => {
    const counts: Record<string, number> = {};
    for (const app of apps.values()) {
      for (const { status } of app.values()) counts[String(status)] = (counts[String(status)] ?? 0) + 1;
    }
    return Object.keys(counts)
      .sort()
      .map((status) => `${status}_${counts[status]}_`)
      .join('');
  };
  const applications = (found: ReadonlyMap<string, readonly Json[]>): Json => ({
    applications: {
      versions__delta: String(version),
      apps__hashcode: hash(),
      application: list([...found].map(([name, instances]) => ({ name, instance: list(instances) }))),
    },
  });
  const everything = (): Json => applications(new Map([...apps].map(([name, app]) => [name, [...app.values()]])));
  const changes = (): Json => {
    const found = new Map<string, Json[]>();
    for (const { app, instance } of changed) found.set(app, [...(found.get(app) ?? []), instance]);
    return applications(found);
  };
  const change = (app: string, id: string, instance: Json, actionType: string): void => {
    version++;
    // A later change of one instance takes the place of an earlier one.
    changed = changed.filter((other) => other.app !== app || other.id !== id);
    changed.push({ app, id, instance: { ...instance, actionType } });
  };

  const put = (app: string, instance: Json): void => {
    const id = String(instance.instanceId ?? instance.hostName);
    const instances = apps.get(app) ?? new Map<string, Json>();
    apps.set(app, instances);
    const action = instances.has(id) ? 'MODIFIED' : 'ADDED';
    instances.set(id, { ...instance, actionType: action });
    change(app, id, instance, action);
  };
  const remove = (app: string, id: string): void => {
    const instance = apps.get(app)?.get(id);
    if (instance === undefined) return;
    apps.get(app)?.delete(id);
    if (apps.get(app)?.size === 0) apps.delete(app);
    change(app, id, instance, 'DELETED');
  };

  /** Status and JSON. */
  const handle = (request: IncomingMessage): readonly [number, unknown?] => {
    const url = new URL(request.url ?? '/', 'http://eureka');
    const wanted = options.basic === undefined ? undefined : `Basic ${Buffer.from(options.basic).toString('base64')}`;
    if (wanted !== undefined && request.headers.authorization !== wanted) return [401];
    const [, base, apiVersion, collection, ...rest] = url.pathname.split('/').map(decodeURIComponent);
    if (base !== 'eureka' || apiVersion !== 'v2' || collection !== 'apps') return [404];
    if (request.method !== 'GET') return [405];
    const [name] = rest;
    if (name === undefined) return [200, everything()];
    if (name === 'delta') return options.deltaDisabled ? [403] : [200, changes()];
    const found = apps.get(name.toUpperCase());
    if (found === undefined || rest.length > 1) return [404];
    return [200, { application: { name: name.toUpperCase(), instance: list([...found.values()]) } }];
  };
  const listener: RequestListener = (request, response) => {
    asked.push((request.url ?? '').replace('/eureka/v2', ''));
    const [status, body] = handle(request);
    // XML is what it speaks unless it is asked not to.
    const json = /json/.test(request.headers.accept ?? '');
    response.writeHead(status, { 'content-type': json ? 'application/json' : 'application/xml' });
    if (body === undefined) response.end();
    else response.end(json ? JSON.stringify(body) : '<applications></applications>');
  };

  const { tls } = options;
  const server: Server =
    tls === undefined
      ? createServer(listener)
      : createSecureServer({ ...tls, requestCert: tls.ca !== undefined, rejectUnauthorized: true }, listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };

  return {
    port,
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}/eureka/v2`,
    asked,
    register(app, instance) {
      put(app.toUpperCase(), infoOf(app, instance));
    },
    setStatus(app, id, status) {
      const known = apps.get(app.toUpperCase())?.get(id);
      if (known !== undefined) put(app.toUpperCase(), { ...known, status });
    },
    deregister(app, id) {
      remove(app.toUpperCase(), id);
    },
    dropSilently(app, id) {
      apps.get(app.toUpperCase())?.delete(id);
    },
    forgetChanges() {
      changed = [];
    },
    async stop() {
      if (!server.listening) return;
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

/** An `InstanceInfo` as Spring's client registers it. */
function infoOf(app: string, instance: FakeInstance): Json {
  const { id, host = '127.0.0.1', ip = '127.0.0.1', port, securePort, status = 'UP', vip = app, zone } = instance;
  const { portEnabled = port !== undefined, securePortEnabled = securePort !== undefined, metadata } = instance;
  const amazon = {
    '@class': 'com.netflix.appinfo.AmazonInfo',
    name: 'Amazon',
    metadata: { 'availability-zone': zone, 'instance-id': id },
  };
  const own = { '@class': 'com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo', name: 'MyOwn' };
  return {
    instanceId: id,
    hostName: host,
    app: app.toUpperCase(),
    ipAddr: ip,
    status,
    overriddenStatus: 'UNKNOWN',
    port: { $: port ?? 7001, '@enabled': String(portEnabled) },
    securePort: { $: securePort ?? 7002, '@enabled': String(securePortEnabled) },
    countryId: 1,
    dataCenterInfo: zone === undefined ? own : amazon,
    leaseInfo: { renewalIntervalInSecs: 30, durationInSecs: 90 },
    metadata: metadata ?? { '@class': 'java.util.Collections$EmptyMap' },
    homePageUrl: `http://${host}:${port}/`,
    vipAddress: vip,
    secureVipAddress: vip,
    isCoordinatingDiscoveryServer: 'false',
    lastUpdatedTimestamp: String(Date.now()),
    lastDirtyTimestamp: String(Date.now()),
    actionType: 'ADDED',
  };
}
