import type { ConfigRequest } from '../../config/read.ts';

/** What `outrigger tap` was asked. */
export interface TapCommand {
  readonly kind: 'tap';
  readonly config: ConfigRequest;
  /** Of the admin server, as on the command line; null: where the config says. */
  readonly admin: string | null;
  /** The query of `GET /tap`: what is to be shown. */
  readonly filters: Readonly<Record<string, string>>;
  readonly json: boolean;
}

const FILTERS = ['version', 'status', 'instance', 'method'] as const;

/** Takes apart what follows `outrigger tap`. */
export function tapCommand(
  values: ReadonlyMap<string, readonly string[]>,
  service: string | null,
  config: ConfigRequest,
): TapCommand {
  const filters: Record<string, string> = service === null ? {} : { service };
  for (const name of FILTERS) {
    const value = values.get(name)?.[0];
    if (value !== undefined) filters[name] = value;
  }
  const { admin: _, ...flags } = config.flags;
  const admin = values.get('admin')?.[0] ?? null;
  return { kind: 'tap', config: { ...config, flags }, admin, filters, json: values.has('json') };
}
