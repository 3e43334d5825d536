import type { Instance } from '../../../../src/model/instance.ts';

/** A record as a library writes it, octet for octet, and what it means. */
export interface LibraryRecord {
  /** Project and file that the bytes are from, and what is special about them. */
  readonly source: string;
  readonly format: string;
  readonly key: string;
  readonly value: string;
  /** Null: the record says that nobody is there. */
  readonly instance: Partial<Instance> | null;
}

const NODE = '"name":"svc","path":"/a/b/svc","id":"svc-7d1f"';
const SWITCH = '"limiting_switch":false,"limiting":10,"fuse":false,"defaults":null';
const INTERFACE = '/dubbo/org.apache.dubbo.sample.UserProvider/providers/';
const ZOOKEEPER_URL = 'tri%3A%2F%2F10.0.0.5%3A50051%2Forg.apache.dubbo.Demo%3Fversion%3D1.0.0';

export const LIBRARY_RECORDS: readonly LibraryRecord[] = [
  {
    source: 'go-kit/kit sd/etcdv3/registrar.go',
    format: 'plain',
    key: '/services/foobar/1.2.3.4:8080',
    value: 'http://1.2.3.4:8080',
    instance: { address: '1.2.3.4:8080' },
  },
  {
    source: 'zeromicro/go-zero core/discov/publisher.go',
    format: 'plain',
    key: 'book.rpc/7587870460981677828',
    value: '10.0.0.5:8080',
    instance: { address: '10.0.0.5:8080' },
  },
  {
    source: 'etcd-io/etcd client/v3/naming/endpoints/endpoints_impl.go',
    format: 'grpc',
    key: 'my-target/10.0.0.5:8080',
    value: '{"Op":0,"Addr":"10.0.0.5:8080","Metadata":{"version":"v2"}}',
    instance: { address: '10.0.0.5:8080', version: 'v2', metadata: { version: 'v2' } },
  },
  {
    source: 'go-kratos/kratos contrib/registry/etcd/service.go',
    format: 'kratos',
    key: '/microservices/helloworld/4f2c1d5e-host',
    value:
      '{"id":"4f2c1d5e-host","name":"helloworld","version":"v1.0.0","metadata":{},"endpoints":["http://127.0.0.1:8000?isSecure=false","grpc://127.0.0.1:9000?isSecure=false"]}',
    instance: { address: '127.0.0.1:9000', version: 'v1.0.0' },
  },
  {
    source: 'go-kratos/kratos with a weight, a zone and TLS alone',
    format: 'kratos',
    key: '/microservices/helloworld/1',
    value:
      '{"id":"1","name":"helloworld","version":"","metadata":{"weight":"20","zone":"sh1"},"endpoints":["grpcs://[fd00::1]:9000?isSecure=true"]}',
    instance: {
      address: '[fd00::1]:9000',
      weight: 20,
      zone: 'sh1',
      metadata: { weight: '20', zone: 'sh1' },
    },
  },
  {
    source: 'micro/go-micro v2 registry/etcd/etcd.go, a name with a slash',
    format: 'go-micro',
    key: '/micro/registry/go-micro-book/go-micro-book-0d2e',
    value:
      '{"name":"go/micro/book","version":"latest","metadata":null,"endpoints":[{"name":"Book.Get","request":{"name":"Request","type":"Request","values":null},"response":{"name":"Response","type":"Response","values":null},"metadata":{}}],"nodes":[{"id":"go/micro/book-0d2e","address":"10.0.0.5:40051","metadata":{"broker":"http","protocol":"grpc","zone":"b"}}]}',
    instance: {
      address: '10.0.0.5:40051',
      version: 'latest',
      zone: 'b',
      metadata: { broker: 'http', protocol: 'grpc', zone: 'b' },
    },
  },
  {
    source: 'micro/go-micro v0.11 registry/service.go, the port beside the address',
    format: 'go-micro',
    key: '/micro/registry/greeter/greeter-1',
    value:
      '{"name":"greeter","version":"1.0","metadata":{"team":"print"},"endpoints":[],"nodes":[{"id":"greeter-1","address":"10.0.0.6","port":9091,"metadata":{"weight":"3"}}]}',
    instance: { address: '10.0.0.6:9091', version: '1.0', weight: 3, metadata: { team: 'print', weight: '3' } },
  },
  {
    source: 'kitex-contrib/registry-etcd etcd_registry.go and common.go',
    format: 'kitex',
    key: 'kitex/registry-etcd/Hello/127.0.0.1:8888',
    value: '{"network":"tcp","address":"127.0.0.1:8888","weight":25,"tags":{"version":"v2","zone":"a"}}',
    instance: {
      address: '127.0.0.1:8888',
      version: 'v2',
      weight: 25,
      zone: 'a',
      metadata: { version: 'v2', zone: 'a' },
    },
  },
  ...[0, -1].map((weight) => ({
    source: `kitex-contrib/registry-etcd etcd_resolver.go: a weight of ${weight} is 10`,
    format: 'kitex',
    key: 'kitex/registry-etcd/Hello/127.0.0.1:8888',
    value: `{"network":"tcp","address":"127.0.0.1:8888","weight":${weight},"tags":null}`,
    instance: { address: '127.0.0.1:8888', weight: 10 },
  })),
  {
    source: 'kitex-contrib/registry-etcd, a server on a unix socket',
    format: 'kitex',
    key: 'kitex/registry-etcd/Hello//run/hello.sock',
    value: '{"network":"unix","address":"/run/hello.sock","weight":10,"tags":{}}',
    instance: { address: 'unix:/run/hello.sock', weight: 10 },
  },
  {
    source: 'apache/dubbo-go registry/etcdv3/service_discovery.go (jsonutil ends with a line feed)',
    format: 'dubbo',
    key: '/services/user-provider/10.0.0.5:20000',
    value:
      '{"ID":"10.0.0.5:20000","ServiceName":"user-provider","Host":"10.0.0.5","Port":20000,"Weight":30,"Enable":true,"Healthy":true,"Metadata":{"dubbo.metadata.revision":"1","zone":"b"},"ServiceMetadata":null,"Address":"10.0.0.5:20000","GroupName":"","Tag":"gray"}\n',
    instance: {
      address: '10.0.0.5:20000',
      version: 'gray',
      weight: 30,
      zone: 'b',
      metadata: { 'dubbo.metadata.revision': '1', zone: 'b' },
    },
  },
  {
    source: 'apache/dubbo-go with several protocols: tri is the one that is gRPC; no weight is 100',
    format: 'dubbo',
    key: '/services/user-provider/10.0.0.5:20000',
    value:
      '{"ID":"10.0.0.5:20000","ServiceName":"user-provider","Host":"10.0.0.5","Port":20000,"Weight":0,"Enable":true,"Healthy":true,"Metadata":{"dubbo.endpoints":"[{\\"port\\":20000,\\"protocol\\":\\"dubbo\\"},{\\"port\\":20001,\\"protocol\\":\\"tri\\"}]"},"Tag":""}',
    instance: {
      address: '10.0.0.5:20001',
      weight: 100,
      metadata: { 'dubbo.endpoints': '[{"port":20000,"protocol":"dubbo"},{"port":20001,"protocol":"tri"}]' },
    },
  },
  ...['Enable', 'Healthy'].map((switched) => ({
    source: `apache/dubbo-go, ${switched} false`,
    format: 'dubbo',
    key: '/services/user-provider/10.0.0.5:20000',
    value: `{"ServiceName":"user-provider","Host":"10.0.0.5","Port":20000,"Enable":true,"Healthy":true,"${switched}":false}`,
    instance: null,
  })),
  {
    source: 'apache/dubbo-go registry/base_registry.go and registry/etcdv3/registry.go: all in the key',
    format: 'dubbo',
    key: `${INTERFACE}tri%3A%2F%2F10.0.0.5%3A20000%2Forg.apache.dubbo.sample.UserProvider%3Fanyhost%3Dtrue%26dubbo.tag%3Dgray%26methods%3DGetUser%2CPut%26timestamp%3D1700000000%26weight%3D50`,
    value: '',
    instance: {
      id: '10.0.0.5:20000',
      address: '10.0.0.5:20000',
      version: 'gray',
      weight: 50,
      metadata: { anyhost: 'true', 'dubbo.tag': 'gray', methods: 'GetUser,Put', timestamp: '1700000000', weight: '50' },
    },
  },
  {
    source: 'apache/dubbo-go, an interface of a version, with characters that Go escapes in its own way',
    format: 'dubbo',
    key: `${INTERFACE}dubbo%3A%2F%2F10.0.0.5%3A20000%2Forg.apache.dubbo.sample.UserProvider%3Fowner%3Da+b%26version%3D1.0.0%2B7`,
    value: '',
    instance: {
      id: '10.0.0.5:20000',
      address: '10.0.0.5:20000',
      version: '1.0.0+7',
      weight: 100,
      metadata: { owner: 'a b', version: '1.0.0+7' },
    },
  },
  {
    source: 'apache/dubbo-go, an interface switched off by a rule',
    format: 'dubbo',
    key: `${INTERFACE}dubbo%3A%2F%2F10.0.0.5%3A20000%2Forg.apache.dubbo.sample.UserProvider%3Fdisabled%3Dtrue`,
    value: '',
    instance: null,
  },
  {
    source: 'apache/dubbo ZookeeperRegistry: the node holds the address of its writer',
    format: 'dubbo',
    key: `/dubbo/org.apache.dubbo.Demo/providers/${ZOOKEEPER_URL}`,
    value: '10.0.0.5',
    instance: {
      id: '10.0.0.5:50051',
      address: '10.0.0.5:50051',
      version: '1.0.0',
      weight: 100,
      metadata: { version: '1.0.0' },
    },
  },
  {
    source: 'apache/dubbo-go, who calls is no provider',
    format: 'dubbo',
    key: '/dubbo/org.apache.dubbo.Demo/consumers/consumer%3A%2F%2F10.0.0.9%2Forg.apache.dubbo.Demo%3Fprotocol%3Dtri',
    value: '',
    instance: null,
  },
  {
    source: 'apache/dubbo-go registry/etcdv3/registry.go CreatePath: a directory',
    format: 'dubbo',
    key: '/dubbo/org.apache.dubbo.Demo/providers',
    value: '',
    instance: null,
  },
  {
    source: 'airbnb/nerve lib/nerve/reporter/base.rb',
    format: 'nerve',
    key: '/nerve/services/book/services/i-1_0000000012',
    value: '{"host":"10.0.0.5","port":8080,"name":"i-1","weight":3,"labels":{"az":"us-east-1a","version":"v2"}}',
    instance: {
      address: '10.0.0.5:8080',
      version: 'v2',
      weight: 3,
      zone: 'us-east-1a',
      metadata: { az: 'us-east-1a', version: 'v2' },
    },
  },
  {
    source: 'airbnb/nerve without weight and labels, an IPv6 host',
    format: 'nerve',
    key: '/nerve/services/book/services/i-1_0000000012',
    value: '{"host":"fd00::1","port":8080,"name":"i-1"}',
    instance: { address: '[fd00::1]:8080' },
  },
  {
    source: 'hwholiday/learning_tools etcd/register/options.go with SetSrv: switches for methods',
    format: 'hwholiday',
    key: '/a/b/svc/svc-7d1f',
    value: `{"node":{${NODE},"version":"v1","address":"127.0.0.1:8089"},"metadata":null,"endpoints":{"Get":{"online":true,${SWITCH}},"List":{"online":false,${SWITCH}},"Put":{"online":true,"limiting_switch":true,"limiting":5,"fuse":true,"defaults":"e30="}}}`,
    instance: {
      address: '127.0.0.1:8089',
      version: 'v1',
      methods: {
        Get: { online: true, limit: null },
        List: { online: false, limit: null },
        Put: { online: true, limit: 5 },
      },
    },
  },
  {
    source: 'our own',
    format: 'outrigger',
    key: '/services/book/book-1',
    value:
      '{"node":{"name":"book","path":"/services/book","id":"book-1","version":"v2","address":"10.0.0.5:50051"},"metadata":{"team":"print"},"endpoints":{"Get":{"online":false}},"weight":2.5,"zone":"b"}',
    instance: {
      address: '10.0.0.5:50051',
      version: 'v2',
      weight: 2.5,
      zone: 'b',
      metadata: { team: 'print' },
      methods: { Get: { online: false, limit: null } },
    },
  },
  {
    source: 'our own, switched off',
    format: 'outrigger',
    key: '/services/book/book-1',
    value: '{"node":{"id":"book-1","address":"10.0.0.5:50051","online":false},"weight":1,"zone":null}',
    instance: null,
  },
];

/** Records of a format that cannot be used, and why. The key is one of the format's own where none is given. */
export const BROKEN_RECORDS: readonly {
  readonly format: string;
  readonly key: string;
  readonly value: string;
  readonly problem: RegExp;
}[] = [
  ...[
    '{"id":"1","name":"book","endpoints":[]}',
    '{"id":"1","name":"book","endpoints":null}',
    '{"id":"1","name":"book"}',
    '{"id":"1","name":"book","endpoints":["http://127.0.0.1:8000"]}',
    '{"id":"1","name":"book","endpoints":["grpc://127.0.0.1"]}',
    '{"id":"1","name":"book","endpoints":["grpc://:9000","127.0.0.1:9000",7]}',
  ].map((value) => ({ format: 'kratos', key: '/microservices/book/1', value, problem: /no usable grpc endpoint/ })),
  {
    format: 'kratos',
    key: '/microservices/book/1',
    value: '{"id":"1","name":"author","endpoints":["grpc://127.0.0.1:9000"]}',
    problem: /names another service than its key: found "author"/,
  },
  ...['{"name":"book","nodes":[]}', '{"name":"book","nodes":null}', '{"name":"book","version":"v1"}'].map((value) => ({
    format: 'go-micro',
    key: '/micro/registry/book/1',
    value,
    problem: /has no nodes/,
  })),
  ...['{"id":"1"}', '{"id":"1","address":"127.0.0.1"}', '{"address":"127.0.0.1","port":70000}', 'null', '"x"'].map(
    (node) => ({
      format: 'go-micro',
      key: '/micro/registry/book/1',
      value: `{"name":"book","nodes":[${node}]}`,
      problem: /has a node without a usable address/,
    }),
  ),
  ...['{"network":"tcp","address":""}', '{"network":"tcp","address":":8888"}', '{"address":7}'].map((value) => ({
    format: 'kitex',
    key: 'kitex/registry-etcd/book/1',
    value,
    problem: /has no usable address/,
  })),
  ...[
    '{"ServiceName":"book"}',
    '{"ServiceName":"book","Host":"10.0.0.5"}',
    '{"ServiceName":"book","Host":"","Port":20000}',
    '{"Host":"10.0.0.5","Port":0}',
    '{"Host":"10.0.0.5","Port":{}}',
  ].map((value) => ({
    format: 'dubbo',
    key: '/services/book/10.0.0.5:20000',
    value,
    problem: /has no usable Host and Port/,
  })),
  ...['dubbo%3A%2F%2F', 'dubbo%3A%2F%2F10.0.0.5', 'dubbo%3A%2F%2F10.0.0.5%3A0%2Fbook'].map((url) => ({
    format: 'dubbo',
    key: `/dubbo/book/providers/${url}`,
    value: '',
    problem: /has no usable address in its URL/,
  })),
  {
    format: 'dubbo',
    key: '/dubbo/book/providers/dubbo%3A%2F%2F%E0%A4%A',
    value: '',
    problem: /no URL as the last part of its key/,
  },
  ...['{"host":"10.0.0.5","port":null}', '{"host":null,"port":80}', '{"host":"a b","port":80}'].map((value) => ({
    format: 'nerve',
    key: '/nerve/book/1',
    value,
    problem: /has no usable host and port/,
  })),
  ...['{"node":{},"weight":1}', '{"node":{"address":"10.0.0.5"},"weight":1}'].map((value) => ({
    format: 'outrigger',
    key: '/services/book/1',
    value,
    problem: /has no usable node.address/,
  })),
  { format: 'outrigger', key: '/services/book/1', value: '{"node":[],"weight":1}', problem: /is no outrigger record/ },
];
