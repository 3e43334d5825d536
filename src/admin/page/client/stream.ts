import type { Change, Hello, ServiceDescription, Tick } from '../../live/wire.ts';
import type { Store } from './store.ts';

/** Nothing for so long, where something comes every second: the sidecar is gone, or the way to it. In milliseconds. */
const SILENCE = 5_000;
const FIRST_RETRY = 500;
const LONGEST_RETRY = 5_000;

export type Connection =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'live' }
  /** `since`: by this browser's clock. */
  | { readonly kind: 'lost'; readonly since: number };

/** Keeps the store filled from `GET /events`, and connects again, for ever, when that ends. */
export function follow(store: Store, heard: (connection: Connection, change: Change | null) => void): void {
  let connection: Connection = { kind: 'connecting' };
  let retry = FIRST_RETRY;
  let source: EventSource | null = null;
  let silence = 0;

  const lose = (): void => {
    source?.close();
    source = null;
    clearTimeout(silence);
    if (connection.kind !== 'lost') connection = { kind: 'lost', since: Date.now() };
    heard(connection, null);
    setTimeout(open, retry);
    retry = Math.min(LONGEST_RETRY, retry * 2);
  };
  const alive = (): void => {
    clearTimeout(silence);
    silence = setTimeout(lose, SILENCE);
  };
  const open = (): void => {
    const opened = new EventSource('/events');
    source = opened;
    const on = <T>(name: string, take: (data: T) => void): void => {
      opened.addEventListener(name, (event) => {
        alive();
        take(JSON.parse((event as MessageEvent<string>).data) as T);
      });
    };
    on<Hello>('hello', (hello) => store.greet(hello));
    on<readonly Change[]>('journal', (changes) => store.journal(changes));
    on<ServiceDescription>('service', (service) => store.describe(service));
    on<Tick>('tick', (tick) => {
      store.take(tick);
      retry = FIRST_RETRY;
      connection = { kind: 'live' };
      heard(connection, null);
    });
    on<Change>('change', (change) => {
      store.change(change);
      heard(connection, change);
    });
    opened.addEventListener('error', () => {
      if (source === opened) lose();
    });
    alive();
  };
  open();
}
