import { parseStatus } from '../../grpc/status.ts';
import type { HeaderList } from '../../http2/hpack/header_list.ts';
import { NO_GRPC_STATUS } from '../../model/counters.ts';

/** The `grpc-status` of a response's headers or trailers, kept on the list; `NO_GRPC_STATUS` when there is none, 2 (UNKNOWN) when it is no code. */
export function grpcStatusOf(list: HeaderList): number {
  if (typeof list.memo === 'number') return list.memo;
  const value = list.get('grpc-status');
  let status: number = NO_GRPC_STATUS;
  if (value !== null) {
    const code = parseStatus(value);
    status = code === -1 ? 2 : code;
  }
  list.memo = status;
  return status;
}
