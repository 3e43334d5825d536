import type { Observed } from './observed.ts';
import type { Stage } from './stage.ts';

/** A fault that is in effect. */
export interface Injected {
  /** Instances that the sidecar should stop using, and use again afterwards. */
  readonly hit: readonly string[];
  /** How many calls each service has sent to whom it hit, as the instance counts them since it began. */
  seen?(): Promise<Readonly<Record<string, number>>>;
  /** Undoes it. */
  heal(): Promise<void>;
}

/** Something that goes wrong, and what is promised to callers while it does. */
export interface Fault {
  /** For `--only`, and the table. */
  readonly name: string;
  readonly about: string;
  /** Needs a real etcd. */
  readonly etcd?: boolean;
  /** The clients behave as they do by default: see `Load`. */
  readonly ordinary?: boolean;
  /** Another sidecar takes the place of the first. */
  readonly ends?: boolean;
  /** How long it lasts, in milliseconds, after `inject` has resolved. */
  readonly lasts: number;
  inject(stage: Stage, random: () => number): Promise<Injected>;
  /** What was promised and not kept. */
  broken(observed: Observed): string[];
}

/** One of `choices`. */
export function pick<T>(choices: readonly T[], random: () => number): T {
  return choices[Math.floor(random() * choices.length)] as T;
}
