import type { HealthCheck } from '../../../config/health_options.ts';
import type { ProbeRoute } from './connect.ts';
import { GrpcProbe } from './grpc.ts';
import { probeHttp } from './http.ts';
import type { Probe, ProbeEvents } from './probe.ts';
import { probeTcp } from './tcp.ts';

/** The probe that a config's `health:` asks for, for one instance. */
export function openProbe(check: HealthCheck, route: ProbeRoute, events: ProbeEvents): Probe {
  switch (check.kind) {
    case 'grpc':
      return new GrpcProbe(check, route, events);
    case 'http':
      return probeHttp(check.path, route);
    case 'tcp':
      return probeTcp(route);
  }
}

/** How a check is called in logs and views: `grpc`, `http /healthz`, `tcp`. */
export function checkText(check: HealthCheck): string {
  if (check.kind === 'http') return `http ${check.path}`;
  return check.kind === 'grpc' && check.service !== '' ? `grpc ${check.service}` : check.kind;
}
