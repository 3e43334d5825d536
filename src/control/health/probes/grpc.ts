import type { ProbeRoute } from './connect.ts';
import { type CallEnd, HealthClient, type HealthMessages, loadHealthMessages } from './grpc_client.ts';
import type { Probe, ProbeEvents, ProbeResult } from './probe.ts';
import { connectionFailure, timedOut } from './reasons.ts';

/** https://grpc.github.io/grpc/core/md_doc_statuscodes.html */
const UNIMPLEMENTED = 12;
const NOT_FOUND = 5;
/** After so many looks an instance that had no `Watch` is asked for it again: it may have been replaced. */
const LOOKS_WITHOUT = 20;
/** So often an instance may say that it is well again, or lose its connection, and be heard at once; each look at its time gives one back. */
const MOST_AT_ONCE = 5;

export interface GrpcCheck {
  /** Empty for the server as a whole. */
  readonly service: string;
  /** Be told of changes where the instance offers it. */
  readonly watch: boolean;
}

/**
 * Well when `grpc.health.v1.Health/Check` answers SERVING (https://github.com/grpc/grpc/blob/master/doc/health-checking.md), or
 * UNIMPLEMENTED: a server without a health service that answers so is there and works, and `note` tells it.
 *
 * With `watch`, a `Watch` follows the first `Check` of a connection that is answered, and the connection lives as long as it: changes are
 * told the moment they are made, a connection that is lost is a reason to look, and the next looks use it, too. Where the instance offers no
 * `Watch`, or has room for one stream only, each look has a connection of its own.
 */
export class GrpcProbe implements Probe {
  readonly #check: GrpcCheck;
  readonly #route: ProbeRoute;
  readonly #events: ProbeEvents;
  #client: HealthClient | null = null;
  /** So many looks go without `Watch`: the instance has said that it has none. */
  #without = 0;
  #looking = false;
  #atOnce = MOST_AT_ONCE;
  /** The next look is one that we asked for. */
  #asked = false;

  constructor(check: GrpcCheck, route: ProbeRoute, events: ProbeEvents) {
    this.#check = check;
    this.#route = route;
    this.#events = events;
  }

  async look(signal: AbortSignal): Promise<ProbeResult> {
    this.#looking = true;
    // Not for a look that a lost connection asked for: an instance that closes each would be looked at without a pause.
    if (!this.#asked) this.#atOnce = Math.min(MOST_AT_ONCE, this.#atOnce + 1);
    this.#asked = false;
    try {
      const messages = await loadHealthMessages();
      if (signal.aborted) return { ok: false, reason: 'given up' };
      const client = this.#client?.usable === true ? this.#client : this.#connect(messages);
      const end = await this.#ask(client, signal);
      if (this.#without > 0) this.#without--;
      if (end.kind === 'lost') this.#without = 0;
      else if (this.#client === client && !isUnimplemented(end)) this.#mayFollow(client);
      return this.#judge(end);
    } catch (error) {
      return { ok: false, reason: connectionFailure(error) };
    } finally {
      this.#looking = false;
      if (this.#client?.watching !== true) this.#hangUp();
    }
  }

  close(): void {
    this.#hangUp();
  }

  #hangUp(): void {
    const client = this.#client;
    this.#client = null;
    client?.close('given up');
  }

  #connect(messages: HealthMessages): HealthClient {
    this.#hangUp();
    const client = new HealthClient(messages, this.#route);
    this.#client = client;
    return client;
  }

  #ask(client: HealthClient, signal: AbortSignal): Promise<CallEnd> {
    const { timeout } = this.#route;
    return new Promise((resolve) => {
      const giveUp = (): void => client.close('given up');
      // One that does not answer on this connection may answer on the next.
      const timer = setTimeout(() => client.close(timedOut(timeout)), timeout);
      signal.addEventListener('abort', giveUp, { once: true });
      client.check(this.#check.service, (end) => {
        clearTimeout(timer);
        signal.removeEventListener('abort', giveUp);
        resolve(end);
      });
    });
  }

  #mayFollow(client: HealthClient): void {
    if (this.#check.watch && this.#without === 0 && !client.watching && client.roomToWatch) this.#follow(client);
  }

  #follow(client: HealthClient): void {
    let last: string | null = null;
    const told = (status: string): void => {
      const before = last;
      last = status;
      if (client !== this.#client || status === before) return;
      const result = judgeStatus(status, this.#check.service);
      // That it does not serve is believed at once. That it serves, too, if it has said otherwise on this connection; a new one is to be tried first.
      if (!result.ok || (before !== null && this.#mayAtOnce())) this.#events.told(result);
    };
    client.watch(this.#check.service, told, (end) => {
      if (isUnimplemented(end)) this.#without = LOOKS_WITHOUT;
      if (client !== this.#client || this.#looking) return;
      this.#hangUp();
      if (last === null || !this.#mayAtOnce()) return;
      this.#asked = true;
      this.#events.stirred();
    });
  }

  #mayAtOnce(): boolean {
    if (this.#atOnce === 0) return false;
    this.#atOnce--;
    return true;
  }

  #judge(end: CallEnd): ProbeResult {
    const { service } = this.#check;
    switch (end.kind) {
      case 'answer':
        return judgeStatus(end.serving, service);
      case 'lost':
        return { ok: false, reason: end.reason };
      case 'status':
        if (end.status === UNIMPLEMENTED)
          return { ok: true, note: 'it has no grpc.health.v1 service; that it answers counts' };
        if (end.status === NOT_FOUND) return judgeStatus(UNKNOWN_SERVICE, service);
        return { ok: false, reason: `status ${end.status}: ${end.message.slice(0, 200)}` };
    }
  }
}

function isUnimplemented(end: CallEnd): boolean {
  return end.kind === 'status' && end.status === UNIMPLEMENTED;
}

/** `ServingStatus` of a service that the health service does not know; only `Watch` says it so. */
const UNKNOWN_SERVICE = 'SERVICE_UNKNOWN';

function judgeStatus(status: string, service: string): ProbeResult {
  if (status === 'SERVING') return { ok: true };
  if (status === UNKNOWN_SERVICE)
    return { ok: false, reason: `its health service does not know ${JSON.stringify(service)}` };
  return { ok: false, reason: `its health service says ${status}` };
}
