import type { ServiceDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const PROTO = new URL('./orca.proto', import.meta.url).pathname;

/** A load report as an instance sends it in `endpoint-load-metrics-bin`; keys in camel case. */
export function binaryReport(report: object): string {
  const service = loadSync(PROTO)['xds.data.orca.v3.Reports'] as unknown as ServiceDefinition;
  return (service.Report as { requestSerialize(value: object): Buffer }).requestSerialize(report).toString('base64');
}
