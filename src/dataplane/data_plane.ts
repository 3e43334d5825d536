import { performance } from 'node:perf_hooks';
import { systemClock } from '../base/clock.ts';
import { describeError } from '../base/errors.ts';
import { releaseMemory } from '../base/release_memory.ts';
import { TimerWheel } from '../base/timer_wheel.ts';
import { TLS_FAILURES, type TlsFailureReason } from '../base/tls_failure.ts';
import { Flusher } from '../http2/flusher.ts';
import { ERROR, errorName } from '../http2/frame/codes.ts';
import { SWEEP_INTERVAL } from '../http2/limits.ts';
import { PROTOCOL_ERROR_TOKENS, type ProtocolErrorToken } from '../http2/protocol_errors.ts';
import type { ModulePath } from '../model/balancing.ts';
import type { ClientLimits } from '../model/client_limits.ts';
import { add, type Block, NO_RANGE, type Range, THREAD, THREAD_RANGE } from '../model/counters.ts';
import { type ObserveSettings, observesNothing } from '../model/observation.ts';
import type { ServiceSettings } from '../model/service.ts';
import type {
  DataThreadStart,
  EndpointTurn,
  FromDataThread,
  ServiceSnapshot,
  ToDataThread,
} from '../model/snapshot.ts';
import type { SecureListen, TlsStart } from '../model/tls.ts';
import { LoadTable } from './balancing/load_table.ts';
import { ModulePolicies } from './balancing/module_policies.ts';
import { explain } from './explain.ts';
import type { Expiring, ForwardingContext } from './forwarding/context.ts';
import type { Exchange } from './forwarding/exchange.ts';
import { IdleMemory } from './idle_memory.ts';
import { Listener, type SecureEntry } from './listener/listener.ts';
import { TlsAccept } from './listener/tls_accept.ts';
import { TlsFailureLog } from './listener/tls_failure_log.ts';
import { Observer } from './observe/observer.ts';
import { Router, type ServiceDirectory } from './routing/router.ts';
import { TlsMaterials } from './tls/materials.ts';
import { TurnClock } from './turn_clock.ts';
import { sleepAfterTicks, TurnPace } from './turn_pace.ts';
import type { UpstreamContext } from './upstream/context.ts';
import { DialQueue } from './upstream/dial_queue.ts';
import type { Endpoint } from './upstream/endpoint.ts';
import { ServiceUpstream } from './upstream/service_upstream.ts';

/** Deadlines are kept to this precision, in milliseconds. */
const DEADLINE_TICK = 5;
const DEADLINE_SLOTS = 4096;
const TOKEN_SLOTS = new Map<string, number>(PROTOCOL_ERROR_TOKENS.map((token, index) => [token, index]));
const DOWNSTREAM = 0;
const UPSTREAM = 1;

/** Posts a message to the control plane; the memory in `transfer` goes with it. */
type Post = (message: FromDataThread, transfer?: readonly ArrayBuffer[]) => void;

/** After this long a thread has done what starting takes, in milliseconds. */
const SETTLING = 1_000;

/** All of one data thread: listeners on one side, services on the other, and what they share. */
export class DataPlane implements ServiceDirectory, ForwardingContext, UpstreamContext {
  readonly flusher: Flusher;
  readonly clock: TurnClock;
  readonly deadlines: TimerWheel<Expiring>;
  readonly dials = new DialQueue();
  readonly loads = new LoadTable();
  readonly leaving = new Set<Endpoint>();
  readonly #idleMemory = new IdleMemory(releaseMemory);
  readonly #pace = new TurnPace(sleepAfterTicks);
  readonly router: Router;
  readonly threadBlock: Block;
  readonly tls: TlsMaterials;
  readonly zone: string | null;
  readonly policies = new ModulePolicies({
    onLoaded: (path) => this.#onPolicyLoaded(path),
    onFault: (path, what) => this.#onPolicyFault(path, what),
    onNotLoaded: (path) => this.#onPolicyNotLoaded(path),
  });
  /** Null while nobody wants to hear of requests. */
  observer: Observer | null = null;
  #observing: Observer | null = null;
  readonly #post: Post;
  readonly #segments: Float64Array[];
  readonly #services = new Map<string, ServiceUpstream>();
  readonly #listeners: Listener[] = [];
  readonly #clients: ClientLimits | undefined;
  #settingsForDiscovered: ServiceSettings | null;
  readonly #sweeper: NodeJS.Timeout;
  readonly #settled: NodeJS.Timeout;
  /** Exchanges that wrote something in this turn, up to `#flushedCount`; not cut, as in `Flusher`. */
  readonly #flushed: (Exchange | null)[] = [];
  #flushedCount = 0;

  constructor(start: DataThreadStart, post: Post) {
    this.#post = post;
    if (start.observe !== undefined) this.#observe(start.observe);
    this.#segments = start.segments.map((segment) => new Float64Array(segment));
    this.#settingsForDiscovered = start.discoverSettings;
    this.#clients = start.clients;
    this.zone = start.zone ?? null;
    this.tls = new TlsMaterials(start.tls ?? NO_TLS);
    this.threadBlock = this.block(THREAD_RANGE);
    this.flusher = new Flusher((frames, alone) => this.#endTurn(frames, alone));
    this.clock = new TurnClock(() => this.flusher.wake());
    this.deadlines = new TimerWheel<Expiring>({
      tickMs: DEADLINE_TICK,
      slots: DEADLINE_SLOTS,
      now: () => this.clock.now(),
      expired: (entry) => entry.expired(),
    });
    this.router = new Router(this, start.routing);
    this.#sweeper = setInterval(() => {
      for (const service of this.#services.values()) service.sweep();
      for (const endpoint of this.leaving) endpoint.sweep();
      this.#idleMemory.sweep();
      const now = performance.now();
      for (const listener of this.#listeners) listener.sweep(now);
    }, SWEEP_INTERVAL);
    this.#sweeper.unref();
    this.#settled = setTimeout(() => this.#idleMemory.sweep(), SETTLING).unref();
    for (const snapshot of start.services) this.#applyService(snapshot);
    for (const module of start.policyModules ?? []) void this.policies.load(module);
  }

  /** Opens the listeners; reports `listening` with the addresses in use, or `listen_failed`. */
  async listen(addresses: readonly string[], reusePort: boolean, secure: readonly SecureListen[] = []): Promise<void> {
    const bound: string[] = [];
    const plain = addresses.map((address) => ({ address, entry: null }));
    const all = [...plain, ...secure.map((listen) => ({ address: listen.address, entry: this.#secureEntry(listen) }))];
    for (const { address, entry } of all) {
      const listener = new Listener(
        this,
        {
          onProtocolError: (token) => this.#countProtocolError(DOWNSTREAM, token),
          onCount: (delta) => add(this.threadBlock, THREAD.CONNECTIONS, delta),
        },
        systemClock,
        this.#clients,
        entry,
      );
      try {
        bound.push(await listener.listen(address, reusePort));
        this.#listeners.push(listener);
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code ?? 'EUNKNOWN';
        this.#post({ kind: 'listen_failed', address, code, message: describeError(error) });
        return;
      }
    }
    const secured = bound.splice(addresses.length);
    this.#post({ kind: 'listening', addresses: bound, ...(secured.length === 0 ? {} : { secure: secured }) });
  }

  #secureEntry(listen: SecureListen): SecureEntry {
    const told = new TlsFailureLog(listen.address, systemClock, (message, fields) =>
      this.#log('warn', message, fields),
    );
    const failed: SecureEntry['failed'] = (failure, from) => {
      this.#countTlsFailure(DOWNSTREAM, failure.reason);
      told.failed(failure, from);
    };
    return { accept: new TlsAccept(listen, this.tls), inbound: listen.inbound, failed };
  }

  receive(message: ToDataThread): void {
    switch (message.kind) {
      case 'segment':
        this.#segments.push(new Float64Array(message.segment));
        break;
      case 'service':
        this.#applyService(message.snapshot);
        break;
      case 'service_gone':
        this.#removeService(message.name, message.why);
        break;
      case 'tls_material':
        this.tls.update(message.material);
        break;
      case 'tls_gone':
        this.tls.drop(message.id);
        break;
      case 'ticket_secret':
        this.tls.renewTickets(message.secret);
        break;
      case 'routing':
        this.#settingsForDiscovered = message.discoverSettings;
        this.router.configure(message.routing);
        break;
      case 'explain':
        this.#post({ kind: 'explained', id: message.id, explanation: explain(message.request, this.router) });
        break;
      case 'observe':
        this.#observe(message.settings);
        break;
      case 'requests_taken':
        this.#observing?.taken();
        break;
      case 'policy_module':
        void this.policies.load(message.module);
        break;
      case 'drain':
        void this.#drain(message.graceMs);
        break;
    }
  }

  /** Made by the first who wants to hear of requests, and kept: what is on its way is still his. */
  #observe(settings: ObserveSettings): void {
    if (this.#observing === null) this.#observing = new Observer(settings, this.#post, () => this.random());
    else this.#observing.configure(settings);
    this.observer = observesNothing(settings) ? null : this.#observing;
  }

  // Services

  get(name: string): ServiceUpstream | undefined {
    return this.#services.get(name);
  }

  /** Requests wait in a service of that name while the control plane asks the registry. Its counters come with the answer. */
  discover(name: string): ServiceUpstream {
    const settings = this.#settingsForDiscovered as ServiceSettings;
    const service = new ServiceUpstream(
      {
        name,
        settings,
        counters: NO_RANGE,
        versions: {},
        full: true,
        upsert: [],
        remove: [],
        known: false,
        updatedAt: 0,
        trouble: null,
      },
      this,
    );
    this.#services.set(name, service);
    this.#post({ kind: 'wanted', service: name });
    return service;
  }

  #applyService(snapshot: ServiceSnapshot): void {
    // Before and after: whoever waits is routed again while the change is taken over, and what it finds may be news to the next.
    this.router.invalidate();
    const service = this.#services.get(snapshot.name);
    if (service === undefined) this.#services.set(snapshot.name, new ServiceUpstream(snapshot, this));
    else service.apply(snapshot);
    this.router.invalidate();
  }

  #removeService(name: string, why: string): void {
    const service = this.#services.get(name);
    if (service === undefined) return;
    this.#services.delete(name);
    this.router.invalidate();
    service.close('no_instance', why);
  }

  #onPolicyLoaded(path: ModulePath): void {
    this.#log('info', `The policy ${path} is loaded.`, { policy: path });
    for (const service of this.#services.values()) service.policyChanged();
  }

  #onPolicyFault(path: ModulePath, what: string): void {
    this.#log('warn', `The policy ${path} is at fault, round robin takes over: ${what}`, { policy: path });
  }

  #onPolicyNotLoaded(path: ModulePath): void {
    for (const service of this.#services.values()) if (service.policies.includes(path)) service.policyFault();
  }

  // For exchanges and upstreams

  block(range: Range): Block {
    const view = this.#segments[range.segment];
    return view === undefined ? { view: DISCARDED, base: 0 } : { view, base: range.offset };
  }

  afterFlush(exchange: Exchange): void {
    this.#flushed[this.#flushedCount++] = exchange;
  }

  random(): number {
    return Math.random();
  }

  onProtocolError(token: ProtocolErrorToken): void {
    this.#countProtocolError(UPSTREAM, token);
  }

  onGoaway(endpoint: Endpoint, code: number, debug: string): void {
    if (code === 0) return;
    if (code === ERROR.ENHANCE_YOUR_CALM && debug.startsWith('too_many_pings')) endpoint.pingLess();
    this.#log('warn', `Instance ${endpoint.id} closes a connection with an error.`, {
      instance: endpoint.id,
      code: errorName(code),
      debug: debug.replace(/[^\x20-\x7e]/g, '?'),
    });
  }

  onEndpointState(service: string, endpoint: Endpoint, detail: string): void {
    const { id, state, failures } = endpoint;
    const fields = { service, instance: id, detail, failures };
    const named = `instance ${id} of service "${service}"`;
    const say = (level: 'debug' | 'info' | 'warn', turn: EndpointTurn, message: string): void =>
      this.#post({ kind: 'log', level, message, fields, turn: { turn, service, address: id, detail } });
    if (state === 'ready') say(endpoint.recovered ? 'info' : 'debug', 'back', `Connected to ${named}.`);
    else if (state === 'connecting') say('info', 'lost', `The connection to ${named} ended: connecting again.`);
    else if (state === 'ejected') say('warn', 'ejected', `I${named.slice(1)} keeps failing: left out for a while.`);
    else say('warn', 'unreachable', `Cannot connect to ${named}.`);
  }

  onEndpointGone(service: string, endpoint: Endpoint): void {
    this.#post({
      kind: 'endpoint_gone',
      service,
      address: endpoint.id,
      counters: endpoint.record.counters,
    });
  }

  #log(level: 'debug' | 'info' | 'warn', message: string, fields: Record<string, string | number>): void {
    this.#post({ kind: 'log', level, message, fields });
  }

  onTlsFailure(reason: TlsFailureReason): void {
    this.#countTlsFailure(UPSTREAM, reason);
  }

  onEndpointError(service: string, endpoint: Endpoint): void {
    const error = endpoint.lastError === '' ? null : endpoint.lastError;
    this.#post({ kind: 'endpoint_error', service, address: endpoint.id, error });
  }

  #countTlsFailure(side: number, reason: TlsFailureReason): void {
    const slot = THREAD.TLS_FAILURES + side * THREAD.TLS_FAILURE_REASONS + TLS_FAILURES.indexOf(reason);
    add(this.threadBlock, slot, 1);
  }

  #countProtocolError(side: number, token: ProtocolErrorToken): void {
    const slot = TOKEN_SLOTS.get(token) as number;
    add(this.threadBlock, THREAD.PROTOCOL_ERRORS + side * THREAD.PROTOCOL_ERROR_TOKENS + slot, 1);
  }

  #endTurn(frames: number, alone: boolean): void {
    const now = this.clock.exact();
    if (this.#flushedCount > 0) this.#handedOver(now);
    this.clock.endTurn();
    this.#pace.endTurn(now, frames, alone);
  }

  /** Everything that was written in this turn left at `now`. */
  #handedOver(now: number): void {
    this.#idleMemory.touched();
    const flushed = this.#flushed;
    for (let i = 0; i < this.#flushedCount; i++) {
      const exchange = flushed[i] as Exchange;
      flushed[i] = null;
      // What was answered without an instance says nothing of the time that calls have.
      if (exchange.flushed(now) && exchange.sentAt > 0) this.#pace.ended(now - exchange.arrivedAt);
    }
    this.#flushedCount = 0;
  }

  /** Stops accepting, says GOAWAY, lets requests finish for `graceMs`, then closes everything. */
  async #drain(graceMs: number): Promise<void> {
    this.#pace.stop();
    const finished = Promise.all(this.#listeners.map((listener) => listener.drain()));
    const grace = new Promise<void>((resolve) => {
      setTimeout(resolve, graceMs).unref();
    });
    await Promise.race([finished, grace]);
    const reason = 'the sidecar is shutting down';
    // First those that wait: what the others leave free must not be given to them any more.
    for (const service of this.#services.values()) service.refuseWaiting('shutting_down', reason);
    for (const listener of this.#listeners) listener.destroy(reason);
    for (const service of this.#services.values()) service.destroy(reason);
    this.deadlines.stop();
    clearInterval(this.#sweeper);
    clearTimeout(this.#settled);
    // The ends of the last requests are recorded when their last octets leave.
    await new Promise((resolve) => setImmediate(resolve));
    this.#observing?.flush();
    this.#post({ kind: 'drained' });
  }
}

/** Nothing speaks TLS yet: a reload can change that for services, and only listeners make tickets. */
const NO_TLS: TlsStart = { materials: [], ticketSecret: new Uint8Array(0) };

/** Where a service counts before it has counters of its own. */
const DISCARDED = new Float64Array(1024);
