/** What is read from the headers of a request that no cache knows: the rules of HTTP/2, and what the sidecar looks for. */
import { requestView } from '../../src/dataplane/routing/request_view.ts';
import { messageHead } from '../../src/http2/header_rules.ts';
import { HeaderList } from '../../src/http2/hpack/header_list.ts';
import { keep, measure } from './measure.ts';

const SAME = [
  [':scheme', 'http'],
  [':method', 'POST'],
  [':authority', 'greeter'],
  [':path', '/bench.Echo/Call'],
  ['grpc-accept-encoding', 'identity,deflate,gzip'],
  ['accept-encoding', 'identity'],
  ['user-agent', 'grpc-node-js/1.14.7'],
  ['content-type', 'application/grpc'],
  ['te', 'trailers'],
  ['x-version', 'v1'],
].flat();

const lists = Array.from({ length: 1024 }, (_, i) => [
  ...SAME,
  ...['x-request-id', `${(i * 7919).toString(16).padStart(16, '0')}`],
  ...['traceparent', `00-${(i * 104_729).toString(16).padStart(32, 'a')}-${i.toString(16).padStart(16, 'b')}-01`],
  ...['grpc-timeout', `${5_000_000 + i * 7}u`],
]);

measure('read the headers of a gRPC call, ids and deadline its own', (times) => {
  for (let i = 0; i < times; i++) {
    const list = new HeaderList(lists[i & 1023] as string[]);
    keep(requestView(list, messageHead(list, 'request')).forward.size);
  }
});
