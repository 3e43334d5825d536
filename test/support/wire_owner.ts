import type { ConnectionOwner } from '../../src/http2/connection_owner.ts';
import type { MessageHead } from '../../src/http2/header_rules.ts';
import type { HeaderList } from '../../src/http2/hpack/header_list.ts';
import type { ProtocolErrorToken } from '../../src/http2/protocol_errors.ts';
import type { Stream } from '../../src/http2/streams/stream.ts';
import { PATIENCE } from './eventually.ts';

export type OwnerEvent =
  | { readonly name: 'ready' | 'capacity' | 'pong' }
  | { readonly name: 'request'; stream: Stream; list: HeaderList; head: MessageHead; end: boolean }
  | { readonly name: 'informational'; stream: Stream; list: HeaderList }
  | { readonly name: 'response'; stream: Stream; list: HeaderList; head: MessageHead; end: boolean }
  | { readonly name: 'data'; stream: Stream; octets: Buffer; end: boolean }
  | { readonly name: 'trailers'; stream: Stream; list: HeaderList }
  | { readonly name: 'reset'; stream: Stream; code: number; byPeer: boolean; unprocessed: boolean }
  | { readonly name: 'streamClosed'; stream: Stream }
  | { readonly name: 'goaway'; lastStreamId: number; code: number; debug: string }
  | { readonly name: 'protocolError'; token: ProtocolErrorToken }
  | { readonly name: 'closed'; reason: string };

export type EventName = OwnerEvent['name'];
export type EventOf<N extends EventName> = Extract<OwnerEvent, { name: N }>;

/**
 * Writes down every call. What a test wants to happen on one goes into `react`. DATA is credited at once, unless `credits` is false.
 */
export class RecordingOwner implements ConnectionOwner {
  readonly events: OwnerEvent[] = [];
  react: { [N in EventName]?: (event: EventOf<N>) => void } = {};
  credits = true;
  readonly #wakers = new Set<() => void>();

  /** The events of one kind so far. */
  of<N extends EventName>(name: N): EventOf<N>[] {
    return this.events.filter((event): event is EventOf<N> => event.name === name);
  }

  /** Names of all events so far, in order. */
  get names(): EventName[] {
    return this.events.map((event) => event.name);
  }

  get tokens(): ProtocolErrorToken[] {
    return this.of('protocolError').map((event) => event.token);
  }

  /** Resolves with the first event (past ones count) of that kind which fits. */
  async happened<N extends EventName>(name: N, fits: (event: EventOf<N>) => boolean = () => true): Promise<EventOf<N>> {
    const deadline = Date.now() + PATIENCE;
    for (;;) {
      const found = this.of(name).find(fits);
      if (found !== undefined) return found;
      let timer: NodeJS.Timeout | undefined;
      const woken = await new Promise<boolean>((resolve) => {
        const wake = (): void => resolve(true);
        this.#wakers.add(wake);
        timer = setTimeout(() => resolve(false), Math.max(0, deadline - Date.now()));
      });
      clearTimeout(timer);
      if (!woken) throw new Error(`no ${name} within ${PATIENCE} ms; there was: ${this.names.join(', ')}`);
    }
  }

  /** All the DATA of a stream so far. */
  body(stream: Stream): Buffer {
    return Buffer.concat(
      this.of('data')
        .filter((event) => event.stream === stream)
        .map((event) => event.octets),
    );
  }

  onReady(): void {
    this.#record({ name: 'ready' });
  }
  onRequest(stream: Stream, list: HeaderList, head: MessageHead, end: boolean): void {
    this.#record({ name: 'request', stream, list, head, end });
  }
  onInformational(stream: Stream, list: HeaderList): void {
    this.#record({ name: 'informational', stream, list });
  }
  onResponse(stream: Stream, list: HeaderList, head: MessageHead, end: boolean): void {
    this.#record({ name: 'response', stream, list, head, end });
  }
  onData(stream: Stream, buf: Buffer, start: number, to: number, end: boolean): void {
    this.#record({ name: 'data', stream, octets: buf.subarray(start, to), end });
    if (this.credits) stream.connection.credit(stream, to - start);
  }
  onTrailers(stream: Stream, list: HeaderList): void {
    this.#record({ name: 'trailers', stream, list });
  }
  onReset(stream: Stream, code: number, byPeer: boolean, unprocessed: boolean): void {
    this.#record({ name: 'reset', stream, code, byPeer, unprocessed });
  }
  onStreamClosed(stream: Stream): void {
    this.#record({ name: 'streamClosed', stream });
  }
  onGoaway(lastStreamId: number, code: number, debug: string): void {
    this.#record({ name: 'goaway', lastStreamId, code, debug });
  }
  onCapacityChanged(): void {
    this.#record({ name: 'capacity' });
  }
  onPong(): void {
    this.#record({ name: 'pong' });
  }
  onProtocolError(token: ProtocolErrorToken): void {
    this.#record({ name: 'protocolError', token });
  }
  onClosed(reason: string): void {
    this.#record({ name: 'closed', reason });
  }

  #record(event: OwnerEvent): void {
    this.events.push(event);
    (this.react[event.name] as ((event: OwnerEvent) => void) | undefined)?.(event);
    const wakers = [...this.#wakers];
    this.#wakers.clear();
    for (const wake of wakers) wake();
  }
}
