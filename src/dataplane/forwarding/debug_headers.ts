import { encodeMessage } from '../../grpc/message.ts';
import { HeaderList } from '../../http2/hpack/header_list.ts';
import type { EndpointRecord } from '../../model/snapshot.ts';

/** `list` with what `x-outrigger-debug: 1` asks for: how often the request was sent, and who answered. */
export function withDebugHeaders(list: HeaderList, attempts: number, instance: EndpointRecord | undefined): HeaderList {
  const fields = [...list.fields, 'x-outrigger-attempts', String(attempts)];
  if (instance !== undefined) {
    // Records may hold any text; header values may not.
    fields.push('x-outrigger-instance', encodeMessage(instance.address));
    if (instance.version !== null) fields.push('x-outrigger-version', encodeMessage(instance.version));
  }
  return new HeaderList(fields, list.neverIndexed);
}
