import type { Answer } from './book_client.ts';

/** Who answered how many calls, and what went wrong. */
export class Tally {
  readonly byInstance = new Map<string, number>();
  /** Distinct failures and how often each was seen. */
  readonly failures = new Map<string, number>();
  calls = 0;

  add(answer: Answer): void {
    this.calls++;
    if (answer.ok) {
      this.byInstance.set(answer.instance, (this.byInstance.get(answer.instance) ?? 0) + 1);
      return;
    }
    const failure = `status ${answer.status}: ${answer.message}`;
    this.failures.set(failure, (this.failures.get(failure) ?? 0) + 1);
  }

  get failed(): number {
    let failed = 0;
    for (const count of this.failures.values()) failed += count;
    return failed;
  }
}

/** Makes `calls` calls, `width` at a time, and counts the answers. */
export async function callMany(calls: number, width: number, call: () => Promise<Answer>): Promise<Tally> {
  const tally = new Tally();
  let left = calls;
  const lane = async () => {
    while (left-- > 0) tally.add(await call());
  };
  await Promise.all(Array.from({ length: width }, lane));
  return tally;
}

/** Calls that go on in the background until they are told to stop. */
export interface Traffic {
  readonly tally: Tally;
  /** Resolves when `instance` answers for the first time, or after `timeoutMs`: whether it did. */
  reaches(instance: string, timeoutMs: number): Promise<boolean>;
  /** Resolves when `calls` more calls have been answered. */
  more(calls: number): Promise<void>;
  stop(): Promise<void>;
}

/** Keeps `width` calls under way. `call` must settle: it carries a deadline of its own. */
export function startTraffic(width: number, call: () => Promise<Answer>): Traffic {
  const tally = new Tally();
  const waiting = new Set<() => void>();
  let going = true;
  const lane = async () => {
    while (going) {
      tally.add(await call());
      for (const look of [...waiting]) look();
    }
  };
  const lanes = Array.from({ length: width }, lane);
  const when = (condition: () => boolean, timeoutMs: number | null) =>
    new Promise<boolean>((resolve) => {
      const finish = (met: boolean) => {
        clearTimeout(timer);
        waiting.delete(look);
        resolve(met);
      };
      const look = () => {
        if (condition()) finish(true);
      };
      const timer = timeoutMs === null ? undefined : setTimeout(() => finish(false), timeoutMs);
      waiting.add(look);
      look();
    });
  return {
    tally,
    reaches: (instance, timeoutMs) => when(() => tally.byInstance.has(instance), timeoutMs),
    async more(calls) {
      const target = tally.calls + calls;
      await when(() => tally.calls >= target, null);
    },
    async stop() {
      going = false;
      await Promise.all(lanes);
    },
  };
}
