import { direct } from './direct.ts';
import { envoy } from './envoy.ts';
import { haproxy } from './haproxy.ts';
import { http2Proxy } from './http2_proxy.ts';
import { nghttpx } from './nghttpx.ts';
import { nginx } from './nginx.ts';
import { nodeHttp2 } from './node_relay.ts';
import type { Peer } from './peer.ts';

/** Everybody that Outrigger is measured beside, in the order of the turns. */
export const PEERS: readonly Peer[] = [direct, nghttpx, haproxy, nginx, envoy, nodeHttp2, http2Proxy];
