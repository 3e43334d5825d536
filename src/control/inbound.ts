import type { InboundConfig } from '../config/tls_options.ts';
import { INBOUND } from '../model/tls.ts';
import type { Feed } from './feed.ts';

/** Makes the local app a service of one instance, which no registry tells of and no name leads to but `inbound`. */
export function openInbound({ forward, settings }: InboundConfig, feed: Feed, now: number): void {
  const app = { id: forward, address: forward, version: null, weight: 1, zone: null, metadata: {} };
  feed.add(INBOUND, settings, 'plain');
  feed.change({
    name: INBOUND,
    known: true,
    stale: false,
    updatedAt: now,
    instances: [app],
    trouble: null,
    diff: { added: [app], changed: [], removed: [] },
  });
}
