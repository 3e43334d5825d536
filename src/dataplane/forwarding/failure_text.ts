import { errorName } from '../../http2/frame/codes.ts';
import type { Protocol, ServiceSettings } from '../../model/service.ts';
import type { TimeLimitOf } from './time_limit.ts';

/*
 * Messages of errors that the sidecar makes itself, read by whoever called: each names the service, the instance if there was
 * one, and what happened to it.
 */

export function describeTooMany(service: string, limit: number): string {
  return `service "${service}" has ${limit} requests in flight, which is the limit (limits.requests)`;
}

export function describeRate(service: string, method: string): string {
  return `service "${service}": the instances' records limit the rate of method "${method}", and it is used up`;
}

export function describeLost(service: string, instance: string, responding: boolean): string {
  const when = responding ? 'after the response headers' : 'before any response';
  return `the connection to instance ${instance} of service "${service}" was lost ${when}`;
}

export function describeReset(service: string, instance: string, code: number, byPeer: boolean): string {
  const what = byPeer ? 'reset the stream with' : 'broke the protocol, and its stream was reset with';
  return `instance ${instance} of service "${service}" ${what} ${errorName(code)}`;
}

export function describeLoop(service: string, hops: number): string {
  return `a request for service "${service}" has been through ${hops} sidecars ("via"): it goes in a circle, look at the addresses registered for it`;
}

export function describeDeadline(
  service: string,
  instance: string | null,
  of: TimeLimitOf,
  after: number,
  attempts: number,
): string {
  const whose = { client: "the client's deadline", service: 'the timeout of the service', retry: 'retry.timeout' }[of];
  const where = instance === null ? 'waiting for an instance' : `waiting for instance ${instance}`;
  return `${whose} passed after ${Math.round(after)} ms, ${where} of service "${service}" (attempts: ${attempts})`;
}

export function describeTry(service: string, instance: string, limit: number, attempts: number): string {
  return `instance ${instance} of service "${service}" had not answered after ${limit} ms (retry.per_try_timeout; attempts: ${attempts})`;
}

export function describeAllFull(service: string, limit: number): string {
  return `service "${service}": no instance had a free stream within ${limit} ms (limits.pending_timeout)`;
}

/** The registry has never told of the service; `trouble` is what it, or the way to it, said last. */
export function describeUnanswered(service: string, settings: ServiceSettings, trouble: string | null): string {
  const where = `registry "${settings.registry}", path "${settings.path}"`;
  return `service "${service}" is not known: ${where}: ${trouble ?? 'it has not answered'}`;
}

/** Why a service that speaks `protocol` cannot serve this kind of request at all; null when it can. */
export function describeMismatch(
  service: string,
  protocol: Protocol,
  { isGrpc, isTunnel }: { readonly isGrpc: boolean; readonly isTunnel: boolean },
): string | null {
  if (isGrpc && protocol === 'http/1.1') {
    return `service "${service}" speaks HTTP/1.1 (protocol: http/1.1), and gRPC needs HTTP/2: if its instances speak it, say protocol: h2`;
  }
  if (isTunnel && protocol === 'h2') {
    return `service "${service}" speaks HTTP/2 (protocol: h2), and WebSockets are carried to instances that speak HTTP/1.1: say protocol: http/1.1`;
  }
  return null;
}
