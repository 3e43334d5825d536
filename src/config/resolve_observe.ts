import { resolve as resolvePath } from 'node:path';
import type { AccessLogConfig, TracingConfig } from './observe_options.ts';
import type { AccessLogInput, TracingInput } from './schema_observe.ts';

/** @param directory what relative paths are relative to */
export function resolveAccessLog({ mode, sample, format, file }: AccessLogInput, directory: string): AccessLogConfig {
  return { mode, sample, format, file: file === 'stdout' ? null : resolvePath(directory, file) };
}

/** @param app the name under which the app is registered, if it is */
export function resolveTracing(input: TracingInput | null, app: string | undefined): TracingConfig | null {
  if (input === null) return null;
  return { otlp: input.otlp, sample: input.sample, serviceName: input.service_name ?? app ?? 'outrigger' };
}
