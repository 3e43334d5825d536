import { describeNames, hasName } from '../../base/certificate_names.ts';
import type { MessageHead } from '../../http2/header_rules.ts';
import { HeaderList } from '../../http2/hpack/header_list.ts';
import type { InboundRules } from '../../model/tls.ts';
import { RequestView } from '../routing/request_view.ts';
import type { PeerIdentity } from '../tls/client_cert.ts';

const CLIENT_CERT = 'x-forwarded-client-cert';
/** What a caller could tell the sidecar with headers is for apps that sit beside it, not for those outside. */
const OURS = 'x-outrigger-';

/** What stands between one connection from outside and the app: who it is, whether it may call, and what of its requests is believed. */
export class InboundGate {
  /** Why no request of this connection is passed on; null when they are. */
  readonly refusal: string | null;
  /** Set on every request: where it goes, and who sent it. */
  readonly #added: readonly string[];

  constructor({ service, allow }: InboundRules, peer: PeerIdentity | null) {
    this.refusal = allow === null || (peer !== null && hasName(peer.names, allow)) ? null : describeStranger(peer);
    this.#added = ['x-outrigger-service', service, ...(peer === null ? [] : [CLIENT_CERT, peer.forwarded])];
  }

  /** The request as the sidecar sees it; kept on the header list, like `requestView`. Lists belong to one connection. */
  view(list: HeaderList, head: MessageHead): RequestView {
    const kept = list.memo;
    if (kept instanceof RequestView) return kept;
    const view = new RequestView(withoutClaims(list, this.#added), head);
    list.memo = view;
    return view;
  }

  /** Some servers take trailers for headers. */
  trailers(list: HeaderList): HeaderList {
    return withoutClaims(list, []);
  }
}

function describeStranger(peer: PeerIdentity | null): string {
  if (peer === null) return 'the caller has shown no certificate, and only those that "inbound.allow" names may call';
  const also = describeNames(peer.names);
  return `${peer.name} may not call: "inbound.allow" has no name of its certificate${also === peer.name ? '' : ` (${also})`}`;
}

/** `list` without what only we may say, and with what we say. Pseudo-headers stay where they are. */
function withoutClaims(list: HeaderList, added: readonly string[]): HeaderList {
  const fields: string[] = [];
  const never: number[] = [];
  for (let i = 0; i < list.fields.length; i += 2) {
    const name = list.fields[i] as string;
    if (name === CLIENT_CERT || name.startsWith(OURS)) continue;
    if (list.neverIndexed?.includes(i)) never.push(fields.length);
    fields.push(name, list.fields[i + 1] as string);
  }
  fields.push(...added);
  return new HeaderList(fields, never.length > 0 ? never : null);
}
