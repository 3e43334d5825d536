import type { ConfigRequest } from '../../config/read.ts';

/** What `outrigger explain` was asked. */
export interface ExplainCommand {
  readonly kind: 'explain';
  readonly config: ConfigRequest;
  /** Of the admin server, as on the command line; null: where the config says. */
  readonly admin: string | null;
  readonly service: string;
  /** The request's path: `/book.Book/Get`. */
  readonly path: string;
  /** `name: value`, as written. */
  readonly headers: readonly string[];
  readonly json: boolean;
}

/** Wrong usage, as `args.ts` has it. */
interface Usage {
  readonly kind: 'usage';
  readonly message: string;
  readonly hint: string;
}

/** Takes apart what follows `outrigger explain`. */
export function explainCommand(
  values: ReadonlyMap<string, readonly string[]>,
  service: string | null,
  config: ConfigRequest,
): ExplainCommand | Usage {
  if (service === null) {
    const hint = "for example: outrigger explain book -H 'x-version: v2'";
    return { kind: 'usage', message: 'explain needs the name of a service', hint };
  }
  const headers = values.get('header') ?? [];
  const stray = headers.find((header) => !/^[^\s:]+\s*:/.test(header));
  if (stray !== undefined) {
    return { kind: 'usage', message: `"${stray}" is no header`, hint: "write name and value: -H 'x-version: v2'" };
  }
  const path = values.get('method')?.[0] ?? '/';
  if (!path.startsWith('/')) {
    const hint = `write it as a path, with the service of the proto file: --method /${path}`;
    return { kind: 'usage', message: `"${path}" is no method`, hint };
  }
  const { admin: _, ...flags } = config.flags;
  const admin = values.get('admin')?.[0] ?? null;
  return { kind: 'explain', config: { ...config, flags }, admin, service, path, headers, json: values.has('json') };
}
