import type { Fallback, HashSource, ServiceSettings, VersionRule } from '../model/service.ts';
import type { HashInput, VersionInput } from './schema_routing.ts';
import type { DiscoverInput, ServiceInput } from './schema_services.ts';

type RoutingSettings = Pick<
  ServiceSettings,
  'version' | 'matches' | 'matchOrder' | 'hashOn' | 'mirror' | 'zone' | 'subset'
>;

/** The part of a service's settings that says which instances a request may go to. */
export function resolveServiceRouting(input: ServiceInput | DiscoverInput): RoutingSettings {
  return {
    version: resolveVersion(input.version),
    matches: input.match.map(({ header, label, fallback }) => ({ header: header.toLowerCase(), label, fallback })),
    matchOrder: input.match_order,
    mirror: input.mirror,
    hashOn: resolveHash(input.hash_on),
    zone: input.zone === 'ignore' ? null : input.zone,
    subset: input.subset,
  };
}

function resolveVersion(input: VersionInput): VersionRule {
  const weights =
    input.weights === null ? null : Object.entries(input.weights).map(([version, weight]) => ({ version, weight }));
  return {
    header: input.header.toLowerCase(),
    default: input.default,
    fallback: input.fallback satisfies Fallback,
    unhealthyFallback: input.unhealthy_fallback satisfies Fallback,
    weights,
    sticky: resolveHash(input.sticky),
  };
}

function resolveHash(input: HashInput | null): HashSource | null {
  if (input === null) return null;
  if (typeof input === 'string') return { kind: input };
  if ('header' in input) return { kind: 'header', name: input.header.toLowerCase() };
  return { kind: 'cookie', name: input.cookie };
}
