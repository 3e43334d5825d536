import type { HashSource, ServiceSettings, VersionRule } from '../model/service.ts';
import { formatShare } from './scalars.ts';

/**
 * The keys of a service that say which instances a request may go to, under the names of the config file.
 * @param needed its default version comes from `needs`, in place of what the service said
 */
export function routingText(settings: ServiceSettings, needed: boolean): object {
  const { version, matches, matchOrder, mirror, hashOn, zone, subset } = settings;
  return {
    version: versionText(version, needed),
    match: matches,
    match_order: matchOrder,
    mirror: mirror && { version: mirror.version, share: formatShare(mirror.share) },
    hash_on: hashText(hashOn),
    zone: zone === null ? 'ignore' : { prefer: formatShare(zone.prefer) },
    subset,
  };
}

function versionText(rule: VersionRule, needed: boolean): object {
  const { weights } = rule;
  return {
    header: rule.header,
    default: needed ? null : rule.default,
    fallback: rule.fallback,
    unhealthy_fallback: rule.unhealthyFallback,
    weights: weights && Object.fromEntries(weights.map(({ version, weight }) => [version, weight])),
    sticky: hashText(rule.sticky),
  };
}

function hashText(source: HashSource | null): unknown {
  if (source === null) return null;
  return 'name' in source ? { [source.kind]: source.name } : source.kind;
}
