import type { ConfigRequest } from '../../config/read.ts';
import { parseDuration } from '../../config/scalars.ts';
import { SORT_KEYS, type SortKey } from './sort.ts';

/** What `outrigger top` was asked. */
export interface TopCommand {
  readonly kind: 'top';
  readonly config: ConfigRequest;
  /** Of the admin server, as on the command line; null: where the config says. */
  readonly admin: string | null;
  /** Null: all. */
  readonly service: string | null;
  /** Milliseconds between two looks. */
  readonly interval: number;
  readonly sort: SortKey;
  readonly json: boolean;
}

/** Wrong usage, as `args.ts` has it. */
interface Usage {
  readonly kind: 'usage';
  readonly message: string;
  readonly hint: string;
}

const DEFAULT_INTERVAL = '1s';
/** In milliseconds. */
const SHORTEST = 100;

/** Takes apart what follows `outrigger top`. */
export function topCommand(
  values: ReadonlyMap<string, readonly string[]>,
  service: string | null,
  config: ConfigRequest,
): TopCommand | Usage {
  const given = values.get('interval')?.[0] ?? DEFAULT_INTERVAL;
  const interval = parseDuration(given);
  if (!interval.ok || interval.value < SHORTEST) {
    return {
      kind: 'usage',
      message: `"${given}" is no interval`,
      hint: 'a duration such as 500ms or 2s, at least 100ms',
    };
  }
  const wanted = values.get('sort')?.[0] ?? 'service';
  const sort = SORT_KEYS.find((key) => key === wanted);
  if (sort === undefined) {
    return { kind: 'usage', message: `top cannot sort by "${wanted}"`, hint: `one of: ${SORT_KEYS.join(', ')}` };
  }
  const { admin: _, ...flags } = config.flags;
  const admin = values.get('admin')?.[0] ?? null;
  const json = values.has('json');
  return { kind: 'top', config: { ...config, flags }, admin, service, interval: interval.value, sort, json };
}
