import type { EchoClient, Outcome } from './echo_client.ts';

/** Calls that go on until they are stopped. */
export interface SteadyCalls {
  count(): number;
  answeredBy(name: string): boolean;
  /** Those that failed so far: status and details. */
  failures(): string[];
  stop(): Promise<void>;
}

/** Calls `client` in a few lanes, each call after the one before it, `pause` milliseconds apart. */
export function callSteadily(client: EchoClient, pause = 10): SteadyCalls {
  const outcomes: Outcome[] = [];
  let going = true;
  const lane = async (): Promise<void> => {
    while (going) {
      outcomes.push(await client.unary('x', { deadlineMs: 20_000 }));
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  };
  const lanes = [lane(), lane(), lane(), lane()];
  return {
    count: () => outcomes.length,
    answeredBy: (name) => outcomes.some((outcome) => outcome.replies[0]?.name === name),
    failures: () => outcomes.filter(({ code }) => code !== 0).map(({ code, details }) => `${code}: ${details}`),
    async stop() {
      going = false;
      await Promise.all(lanes);
    },
  };
}
