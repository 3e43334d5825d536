import type { TlsFailureReason } from '../../base/tls_failure.ts';
import type { Flusher } from '../../http2/flusher.ts';
import type { ProtocolErrorToken } from '../../http2/protocol_errors.ts';
import type { Block, Range } from '../../model/counters.ts';
import type { LoadTable } from '../balancing/load_table.ts';
import type { ModulePolicies } from '../balancing/module_policies.ts';
import type { TlsMaterials } from '../tls/materials.ts';
import type { TurnClock } from '../turn_clock.ts';
import type { DialQueue } from './dial_queue.ts';
import type { Endpoint } from './endpoint.ts';

/** What everything on the upstream side of a data thread shares. */
export interface UpstreamContext {
  readonly flusher: Flusher;
  readonly dials: DialQueue;
  readonly clock: TurnClock;
  readonly loads: LoadTable;
  /** The counters of a range in this thread. */
  block(range: Range): Block;
  /** The policies of the user's own. */
  readonly policies: ModulePolicies;
  /** Where this sidecar runs, for services that prefer their zone; null: nowhere in particular. */
  readonly zone: string | null;
  /** Null when nothing speaks TLS. */
  readonly tls: TlsMaterials | null;
  onProtocolError(token: ProtocolErrorToken): void;
  onTlsFailure(reason: TlsFailureReason): void;
  /** Why an instance cannot be connected to (`endpoint.lastError`) is another thing now, or nothing any more. */
  onEndpointError(service: string, endpoint: Endpoint): void;
  onGoaway(endpoint: Endpoint, code: number, debug: string): void;
  /** An instance became ready, failed or changed state: worth a line in the log. */
  onEndpointState(service: string, endpoint: Endpoint, detail: string): void;
  /** Instances that no service has any more, with calls that are still to end: their connections are looked after as long. */
  readonly leaving: Set<Endpoint>;
  /** Nothing uses the endpoint's counters any more. */
  onEndpointGone(service: string, endpoint: Endpoint): void;
  random(): number;
}
