import type { HealthCheck } from '../../../config/health_options.ts';
import { probeGrpc } from './grpc.ts';
import { probeHttp } from './http.ts';
import type { Probe } from './probe.ts';
import { probeTcp } from './tcp.ts';

/** The probe that a config's `health:` asks for. */
export function openProbe(check: HealthCheck): Probe {
  switch (check.kind) {
    case 'grpc':
      return probeGrpc(check.service);
    case 'http':
      return probeHttp(check.path);
    case 'tcp':
      return probeTcp;
  }
}

/** How a check is called in logs and views: `grpc`, `http /healthz`, `tcp`. */
export function checkText(check: HealthCheck): string {
  if (check.kind === 'http') return `http ${check.path}`;
  return check.kind === 'grpc' && check.service !== '' ? `grpc ${check.service}` : check.kind;
}
