import { NO_GRPC_STATUS } from '../../model/counters.ts';

/** Whether a gRPC status is what a caller would call an error of the server: grpc-status UNKNOWN, UNAVAILABLE, ... */
export function isServerFault(grpcStatus: number): boolean {
  switch (grpcStatus) {
    case 2:
    case 4:
    case 8:
    case 13:
    case 14:
    case 15:
      return true;
    default:
      return false;
  }
}

/** The same of a whole answer; `grpcStatus` is `NO_GRPC_STATUS` when it is not gRPC. */
export function isFailure(httpStatus: number, grpcStatus: number): boolean {
  return httpStatus >= 500 || (grpcStatus !== NO_GRPC_STATUS && isServerFault(grpcStatus));
}
