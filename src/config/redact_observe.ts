import type { AccessLogConfig, TracingConfig } from './observe_options.ts';
import { formatShare } from './scalars.ts';

export function accessLogText({ mode, sample, format, file }: AccessLogConfig): object {
  return { mode, sample: formatShare(sample), format, file: file ?? 'stdout' };
}

export function tracingText(tracing: TracingConfig | null): object | null {
  if (tracing === null) return null;
  return { otlp: withoutUser(tracing.otlp), sample: formatShare(tracing.sample), service_name: tracing.serviceName };
}

function withoutUser(text: string): string {
  const url = new URL(text);
  if (url.username === '' && url.password === '') return text;
  url.username = '';
  url.password = '';
  return url.href;
}
