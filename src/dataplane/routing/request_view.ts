import { formatTimeout, parseTimeout } from '../../grpc/timeout.ts';
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
  /** What goes to the instance: with our `via`, without what was meant for us. */
  readonly forward: HeaderList;
  readonly isGrpc: boolean;
  readonly isHead: boolean;
  /** A WebSocket: an extended CONNECT (RFC 8441). */
  readonly isTunnel: boolean;
  readonly debug: boolean;
  readonly explicitService: string | null;
  /** Of `grpc-timeout`, in milliseconds; null when there is none. */
  readonly timeout: number | null;
  /** Sidecars that the request has been through. */
  readonly hops: number;
  /** The host part of the authority, without a port. */
  readonly host: string;

  /** Where the request goes; valid while `routedAt` equals the router's epoch. */
  service: ServiceUpstream | null = null;
  routedAt = -1;
  /** The address that the client connects from; set by its connection, as all its lists are its own. */
  source: string | null = null;
  #versionHeader = '';
  #version: string | null = null;
  #timeoutValue = '';
  #withTimeout: HeaderList | null = null;

  constructor(list: HeaderList, head: MessageHead) {
    this.list = list;
    this.head = head;
    let isGrpc = false;
    let debug = false;
    let explicit: string | null = null;
    let timeout: number | null = null;
    let hops = 0;
    const fields = list.fields;
    for (let i = head.regularFrom; i < fields.length; i += 2) {
      const value = fields[i + 1] as string;
      switch (fields[i] as string) {
        case 'content-type':
          isGrpc = value.startsWith('application/grpc');
          break;
        case 'grpc-timeout':
          // One that breaks the format is treated as absent, as grpc servers may.
          timeout = parseTimeout(value);
          break;
        case 'via':
          hops += countHops(value);
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
    this.isTunnel = head.protocol !== '';
    this.debug = debug;
    this.explicitService = explicit;
    this.timeout = timeout;
    this.hops = hops;
    this.host = hostOf(head.authority);
    this.forward = forwarded(list);
  }

  /** The value of the header that names the version; null when absent. */
  version(header: string): string | null {
    if (this.#versionHeader !== header) {
      this.#versionHeader = header;
      this.#version = this.list.get(header);
    }
    return this.#version;
  }

  /** The last part of the path: of a gRPC request the name of the method. */
  get method(): string {
    const path = this.head.path;
    return path.slice(path.lastIndexOf('/') + 1);
  }

  /** `forward` with another `grpc-timeout`, in milliseconds. */
  forwardWithin(timeout: number): HeaderList {
    const value = formatTimeout(timeout);
    if (this.#withTimeout === null || this.#timeoutValue !== value) {
      this.#timeoutValue = value;
      this.#withTimeout = withTimeout(this.forward, value);
    }
    return this.#withTimeout;
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

/** RFC 9110 section 7.6.3: what every proxy adds, and how a request that goes in a circle is told. */
const VIA = '2 outrigger';

function countHops(via: string): number {
  let hops = 0;
  for (const entry of via.split(',')) if (entry.trim() === VIA) hops++;
  return hops;
}

/** What is sent on: without the header that was for us, with our `via`. */
function forwarded(list: HeaderList): HeaderList {
  const fields: string[] = [];
  const never: number[] = [];
  for (let i = 0; i < list.fields.length; i += 2) {
    if (list.fields[i] === SERVICE_HEADER) continue;
    if (list.neverIndexed?.includes(i)) never.push(fields.length);
    fields.push(list.fields[i] as string, list.fields[i + 1] as string);
  }
  fields.push('via', VIA);
  return new HeaderList(fields, never.length > 0 ? never : null);
}

/** `list` with `grpc-timeout` set to `value`, in its place or at the end. */
function withTimeout(list: HeaderList, value: string): HeaderList {
  const fields = list.fields.slice();
  let at = 0;
  while (at < fields.length && fields[at] !== 'grpc-timeout') at += 2;
  fields[at] = 'grpc-timeout';
  fields[at + 1] = value;
  return new HeaderList(fields, list.neverIndexed);
}
