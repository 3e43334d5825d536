import type { TimerWheel, WheelEntry } from '../../base/timer_wheel.ts';
import type { Flusher } from '../../http2/flusher.ts';
import type { Block } from '../../model/counters.ts';
import type { RequestObserver } from '../observe/request_observer.ts';
import type { Router } from '../routing/router.ts';
import type { TurnClock } from '../turn_clock.ts';
import type { Exchange } from './exchange.ts';

/** What has a deadline. */
export interface Expiring extends WheelEntry {
  /** Its time has come. */
  expired(): void;
}

/** What all exchanges of a data thread share. */
export interface ForwardingContext {
  readonly flusher: Flusher;
  readonly router: Router;
  readonly clock: TurnClock;
  /** Deadlines, on the clock above. */
  readonly deadlines: TimerWheel<Expiring>;
  readonly threadBlock: Block;
  /** Hears of single requests; null while nobody wants to. */
  readonly observer: RequestObserver | null;
  random(): number;
  /** Calls `exchange.sent` or `exchange.finished` when what it wrote in this turn has been handed to the kernel. */
  afterFlush(exchange: Exchange): void;
}
