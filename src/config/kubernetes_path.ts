/** One service of a Kubernetes cluster, as a path names it. */
export interface KubernetesTarget {
  /** Null: the namespace of the registry. */
  readonly namespace: string | null;
  readonly service: string;
  /** The name or number of the pods' port; null: the only one there is, or the one that says it speaks gRPC. */
  readonly port: string | number | null;
}

export const KUBERNETES_PATH = 'service, namespace/service or service.namespace, each perhaps with :port';

/** Names of services and namespaces are labels (RFC 1123 section 2.1): lower case, since the names of DNS have no case. */
const LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
const TARGET = new RegExp(
  `^(?:(${LABEL})/)?(${LABEL})(?:\\.(${LABEL})(?:\\.svc(?:\\.[a-z0-9.-]+?)?)?\\.?)?(?::([a-z0-9-]{1,15}))?$`,
);

/**
 * What a path stands for: `book`, `book:grpc`, `shop/book:50051`, or the cluster's own names `book.shop` and
 * `book.shop.svc.cluster.local`, since that is what apps put into the authority; several with commas between them are one
 * service. Null when it is none of these.
 */
export function parseKubernetesPath(path: string): readonly KubernetesTarget[] | null {
  const targets: KubernetesTarget[] = [];
  for (const part of path.toLowerCase().split(',')) {
    const match = TARGET.exec(part.trim());
    if (match === null) return null;
    const [, before, service, after, port] = match;
    if (before !== undefined && after !== undefined) return null;
    targets.push({ namespace: before ?? after ?? null, service: service as string, port: portOf(port) });
  }
  return targets;
}

function portOf(text: string | undefined): string | number | null {
  if (text === undefined) return null;
  return /^\d+$/.test(text) ? Number(text) : text;
}
