import { type BackoffPolicy, fullJitterDelay } from '../../../base/backoff.ts';
import type { Clock } from '../../../base/clock.ts';
import type { OutriggerError } from '../../../base/errors.ts';
import type { Gate } from '../gate.ts';
import type { RegistryAnswer, RegistryListener } from '../registry.ts';
import type { ConsulClient, ConsulQuestion } from './client.ts';
import { concernsAll } from './errors.ts';
import type { ConsulTiming } from './timing.ts';
import { pause, TokenBucket } from './token_bucket.ts';
import type { Turns } from './turns.ts';

/** What the feeds of one agent share. */
export interface FeedDeps {
  readonly clock: Clock;
  readonly timing: ConsulTiming;
  readonly gate: Gate;
  readonly turns: Turns;
  readonly client: ConsulClient;
  /** Gives an error its code and says what was tried. */
  explain(cause: unknown, doing: string): OutriggerError;
  /** How many questions of this agent are followed now. */
  feeds(): number;
}

/** Questions at once after a pause. */
const BURST = 2;

/** For errors that concern one question: the others go on, so it may wait the longer the more there are. In milliseconds. */
const OWN_BACKOFF: BackoffPolicy = { initial: 400, multiplier: 2, jitter: 1, max: 1_500 };
const PER_FEED = 50;

/**
 * Follows one question: each time Consul answers, ask again with the index of the answer, and Consul holds that until something
 * newer is known (https://developer.hashicorp.com/consul/api-docs/features/blocking).
 *
 *      ask (index 0) ──► answer ──► ask (its index), held ──► answer ...
 *        ▲ ▲                │ an index below the last one: ask anew, 0
 *        │ └────────────────┘
 *        └── delay ◄── error, also of an empty answer that cannot be believed
 *
 * Every answer is the whole set, so nothing can be missed; after an error the first question is not held, so that its answer
 * says at once what is true now.
 */
export class Feed {
  readonly #question: ConsulQuestion;
  readonly #listener: RegistryListener;
  readonly #deps: FeedDeps;
  readonly #closing = new AbortController();
  readonly #bucket: TokenBucket;
  readonly #done: Promise<void>;
  #answer: RegistryAnswer | null = null;
  #trouble: OutriggerError | null = null;
  #node: string | null = null;
  /** Failures in a row that concern this question alone. */
  #failures = 0;

  constructor(question: ConsulQuestion, listener: RegistryListener, deps: FeedDeps) {
    this.#question = question;
    this.#listener = listener;
    this.#deps = deps;
    this.#bucket = new TokenBucket(BURST, deps.timing.refill, deps.clock);
    this.#done = this.#run();
  }

  /** Tells somebody who joins later what the others know already. */
  replay(listener: RegistryListener): void {
    if (this.#answer !== null) listener.set(this.#answer);
    if (this.#trouble !== null) listener.error(this.#trouble);
  }

  /** No call to the listener starts after this returns; resolves when the last question has ended. */
  close(): Promise<void> {
    this.#closing.abort();
    return this.#done;
  }

  async #run(): Promise<void> {
    const { client, gate, turns } = this.#deps;
    const { signal } = this.#closing;
    let index = 0n;
    for (;;) {
      await this.#bucket.take(signal);
      const turn = await turns.take(signal);
      try {
        if (signal.aborted) return;
        const answer = await client.instances(this.#question, index, this.#node, turn.signal);
        if (signal.aborted) return;
        index = answer.index < index ? 0n : answer.index;
        this.#tell(answer.set, answer.set.node);
        this.#failures = 0;
        gate.open();
      } catch (cause) {
        if (signal.aborted) return;
        // Not over, only interrupted: nothing is lost, since the same index is asked with again.
        if (turn.signal.aborted) continue;
        index = 0n;
        turn.end();
        await this.#retry(this.#deps.explain(cause, `asking for ${this.#question.service}`));
      } finally {
        turn.end();
      }
    }
  }

  #tell({ instances, bad }: RegistryAnswer, node: string | null): void {
    this.#answer = { instances, bad };
    this.#trouble = null;
    this.#node = node ?? this.#node;
    this.#listener.set(this.#answer);
  }

  async #retry(error: OutriggerError): Promise<void> {
    const { clock, gate, feeds } = this.#deps;
    this.#trouble = error;
    this.#listener.error(error);
    if (concernsAll(error)) return gate.pass(this.#closing.signal);
    this.#failures++;
    const policy = { ...OWN_BACKOFF, max: Math.max(OWN_BACKOFF.max, PER_FEED * feeds()) };
    return pause(fullJitterDelay(policy, this.#failures), clock, this.#closing.signal);
  }
}
