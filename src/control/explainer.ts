import type { Clock } from '../base/clock.ts';
import { OutriggerError } from '../base/errors.ts';
import type { ExplainRequest, Explanation } from '../model/explain.ts';
import type { ToDataThread } from '../model/snapshot.ts';

/** A data thread answers within a turn of its loop; one that does not is stuck. In milliseconds. */
const PATIENCE = 2_000;

export interface ExplainerDeps {
  readonly clock: Clock;
  running(): readonly number[];
  send(thread: number, message: ToDataThread): void;
}

/** Asks a data thread what it would do with a request. */
export class Explainer {
  readonly #deps: ExplainerDeps;
  readonly #waiting = new Map<number, (explanation: Explanation) => void>();
  #lastId = 0;

  constructor(deps: ExplainerDeps) {
    this.#deps = deps;
  }

  /** Rejects with `explain_failed` when no data thread answers in time. */
  ask(request: ExplainRequest): Promise<Explanation> {
    const { clock, running, send } = this.#deps;
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const fail = (): void => {
        this.#waiting.delete(id);
        const message = `no data thread answered within ${PATIENCE} ms`;
        reject(new OutriggerError('explain_failed', message, { hint: 'look into the log, and ask again' }));
      };
      const [thread] = running();
      if (thread === undefined) return fail();
      const cancel = clock.after(PATIENCE, fail);
      this.#waiting.set(id, (explanation) => {
        cancel();
        resolve(explanation);
      });
      send(thread, { kind: 'explain', id, request });
    });
  }

  /** A data thread has answered. */
  answered(id: number, explanation: Explanation): void {
    const resolve = this.#waiting.get(id);
    this.#waiting.delete(id);
    resolve?.(explanation);
  }
}
