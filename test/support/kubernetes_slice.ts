/** What a test says of an EndpointSlice; the rest is as Kubernetes' own controller writes it. */
export interface SliceSpec {
  readonly name: string;
  readonly namespace?: string;
  readonly service?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly addressType?: 'IPv4' | 'IPv6' | 'FQDN';
  readonly ports?: readonly {
    readonly name?: string;
    readonly port?: number;
    readonly protocol?: string;
    readonly appProtocol?: string;
  }[];
  readonly endpoints?: readonly EndpointSpec[];
}

export interface EndpointSpec {
  readonly address: string;
  readonly pod?: string;
  readonly zone?: string;
  readonly node?: string;
  readonly ready?: boolean | null;
  readonly serving?: boolean | null;
  readonly terminating?: boolean | null;
}

/** An object of the Kubernetes API. */
export interface ApiObject {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly resourceVersion?: string;
  };
}

/** https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/ shows one. */
export function endpointSlice(spec: SliceSpec): ApiObject {
  const { name, namespace = 'shop', service = 'book', labels = {}, addressType = 'IPv4', endpoints = [] } = spec;
  const { ports = [{ name: 'grpc', port: 50051 }] } = spec;
  const object = {
    metadata: {
      name,
      namespace,
      generateName: `${service}-`,
      labels: {
        ...labels,
        'kubernetes.io/service-name': service,
        'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
      },
    },
    addressType,
    endpoints: endpoints.map(endpoint),
    ports: ports.map((port) => ({ name: '', protocol: 'TCP', ...port })),
  };
  return object;
}

function endpoint(spec: EndpointSpec): object {
  const { address, pod, zone, node, ready = true, serving = ready, terminating = false } = spec;
  return {
    addresses: [address],
    conditions: { ready, serving, terminating },
    ...(zone === undefined ? {} : { zone }),
    ...(node === undefined ? {} : { nodeName: node }),
    ...(pod === undefined ? {} : { targetRef: { kind: 'Pod', namespace: 'shop', name: pod, uid: `uid-of-${pod}` } }),
  };
}
