import type { ConfigRequest } from '../../config/read.ts';
import { parseShare, SHARE } from '../../config/scalars.ts';

/** What `outrigger simulate` was asked. */
export interface SimulateCommand {
  readonly kind: 'simulate';
  readonly config: ConfigRequest;
  /** Null: the first service of the config. */
  readonly service: string | null;
  readonly instances: number;
  readonly calls: number;
  readonly sidecars: number;
  /** Shares of the instances, from 0 to 1: whose calls fail at once, and whose take ten times as long. */
  readonly fail: number;
  readonly slow: number;
  /** Calls per second of all sidecars together; null: ten for each instance. */
  readonly rate: number | null;
  readonly seed: number;
  readonly json: boolean;
}

/** Wrong usage, as `args.ts` has it. */
interface Usage {
  readonly kind: 'usage';
  readonly message: string;
  readonly hint: string;
}

interface Bounds {
  readonly byDefault: number;
  readonly least: number;
  readonly most: number;
}

/** The most of each that is worth waiting for. */
const NUMBERS = {
  instances: { byDefault: 10_000, least: 1, most: 100_000 },
  calls: { byDefault: 1_000_000, least: 1, most: 1_000_000_000 },
  sidecars: { byDefault: 1, least: 1, most: 10_000 },
  seed: { byDefault: 1, least: 0, most: 2 ** 32 - 1 },
} as const satisfies Record<string, Bounds>;
const MOST_RATE = 1e9;

/** Takes apart what follows `outrigger simulate`. */
export function simulateCommand(
  values: ReadonlyMap<string, readonly string[]>,
  config: ConfigRequest,
): SimulateCommand | Usage {
  let problem: Usage | null = null;
  const number = (flag: string, { byDefault, least, most }: Bounds): number => {
    const text = values.get(flag)?.[0];
    if (text === undefined) return byDefault;
    const found = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (found >= least && found <= most) return found;
    problem ??= wrong(flag, text, `a whole number from ${least} to ${most}`);
    return byDefault;
  };
  const share = (flag: string): number => {
    const text = values.get(flag)?.[0];
    if (text === undefined) return 0;
    const parsed = parseShare(text);
    if (parsed.ok) return parsed.value;
    problem ??= wrong(flag, text, SHARE);
    return 0;
  };
  const fail = share('fail');
  const slow = share('slow');
  if (fail + slow > 1) problem ??= wrong('slow', `${values.get('slow')?.[0]}`, 'a share of those that do not fail');
  const command: SimulateCommand = {
    kind: 'simulate',
    config,
    service: values.get('service')?.[0] ?? null,
    instances: number('instances', NUMBERS.instances),
    calls: number('calls', NUMBERS.calls),
    sidecars: number('sidecars', NUMBERS.sidecars),
    fail,
    slow,
    rate: values.has('rate') ? number('rate', { byDefault: 1, least: 1, most: MOST_RATE }) : null,
    seed: number('seed', NUMBERS.seed),
    json: values.has('json'),
  };
  return problem ?? command;
}

function wrong(flag: string, found: string, expected: string): Usage {
  return { kind: 'usage', message: `--${flag} is "${found}"`, hint: `expected ${expected}` };
}
