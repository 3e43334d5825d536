import { parseBinaryReport, parseTextReport, weightOf } from '../../grpc/load_report.ts';
import type { HeaderList } from '../../http2/hpack/header_list.ts';
import type { Endpoint } from '../upstream/endpoint.ts';

/** Takes the load that `endpoint` reports in the headers or trailers of an answer, if it does; `now` on the turn clock. */
export function takeLoadReport(list: HeaderList, endpoint: Endpoint, now: number): void {
  const binary = list.get('endpoint-load-metrics-bin');
  const text = binary === null ? list.get('endpoint-load-metrics') : null;
  const report = binary !== null ? parseBinaryReport(binary) : text !== null ? parseTextReport(text) : null;
  if (report === null) return;
  const weight = weightOf(report);
  if (weight > 0) endpoint.load.reported(weight, now);
}
