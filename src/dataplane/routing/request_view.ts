import { parseTimeout } from '../../grpc/timeout.ts';
import type { MessageHead } from '../../http2/header_rules.ts';
import { HeaderList } from '../../http2/hpack/header_list.ts';
import type { ServiceUpstream } from '../upstream/service_upstream.ts';

/** Names the service outright; removed before forwarding. */
const SERVICE_HEADER = 'x-outrigger-service';
/** `1` asks for headers in the answer that tell what the sidecar did. */
const DEBUG_HEADER = 'x-outrigger-debug';

/**
 * What the sidecar reads from a request's headers. Kept on the header list: a client that sends the same block again gets the
 * same list from the decoder, so most requests find everything here ready, down to the service it leads to.
 */
export class RequestView {
  readonly list: HeaderList;
  readonly head: MessageHead;
  /** What goes to the instance: the same list, unless something must be taken out. */
  readonly forward: HeaderList;
  readonly isGrpc: boolean;
  readonly isHead: boolean;
  readonly debug: boolean;
  readonly explicitService: string | null;
  /** Of `grpc-timeout`, in milliseconds; 0 when there is none. */
  readonly timeout: number;
  /** The host part of the authority, without a port. */
  readonly host: string;

  /** Where the request goes; valid while `routedAt` equals the router's epoch. */
  service: ServiceUpstream | null = null;
  routedAt = -1;
  #versionHeader = '';
  #version: string | null = null;

  constructor(list: HeaderList, head: MessageHead) {
    this.list = list;
    this.head = head;
    let isGrpc = false;
    let debug = false;
    let explicit: string | null = null;
    let timeout = 0;
    const fields = list.fields;
    for (let i = head.regularFrom; i < fields.length; i += 2) {
      const value = fields[i + 1] as string;
      switch (fields[i] as string) {
        case 'content-type':
          isGrpc = value.startsWith('application/grpc');
          break;
        case 'grpc-timeout':
          // One that breaks the format is treated as absent, as grpc servers may.
          timeout = parseTimeout(value) ?? 0;
          break;
        case SERVICE_HEADER:
          explicit = value;
          break;
        case DEBUG_HEADER:
          debug = value === '1';
          break;
      }
    }
    this.isGrpc = isGrpc;
    this.isHead = head.method === 'HEAD';
    this.debug = debug;
    this.explicitService = explicit;
    this.timeout = timeout;
    this.host = hostOf(head.authority);
    this.forward = explicit === null ? list : without(list, SERVICE_HEADER);
  }

  /** The value of the header that names the version; null when absent. */
  version(header: string): string | null {
    if (this.#versionHeader !== header) {
      this.#versionHeader = header;
      this.#version = this.list.get(header);
    }
    return this.#version;
  }
}

/** The view of `list`, made at its first use. */
export function requestView(list: HeaderList, head: MessageHead): RequestView {
  const kept = list.memo;
  if (kept instanceof RequestView) return kept;
  const view = new RequestView(list, head);
  list.memo = view;
  return view;
}

function hostOf(authority: string): string {
  const end = authority.startsWith('[') ? authority.indexOf(']') + 1 : authority.indexOf(':');
  return end <= 0 ? authority : authority.slice(0, end);
}

/** `list` without the field `name`. */
function without(list: HeaderList, name: string): HeaderList {
  const fields: string[] = [];
  const never: number[] = [];
  for (let i = 0; i < list.fields.length; i += 2) {
    if (list.fields[i] === name) continue;
    if (list.neverIndexed?.includes(i)) never.push(fields.length);
    fields.push(list.fields[i] as string, list.fields[i + 1] as string);
  }
  return new HeaderList(fields, never.length > 0 ? never : null);
}

/** `list` with the value of `name` replaced. */
export function withValue(list: HeaderList, name: string, value: string): HeaderList {
  const fields = list.fields.slice();
  for (let i = 0; i < fields.length; i += 2) if (fields[i] === name) fields[i + 1] = value;
  return new HeaderList(fields, list.neverIndexed);
}
