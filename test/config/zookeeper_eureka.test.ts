import test from 'ava';
import { redact } from '../../src/config/redact.ts';
import { configOf, loadText, problemsOf } from './load_text.ts';

const registryOf = (text: string): object => {
  const found = configOf(loadText(`registries: { main: ${text} }\ndiscover: {}`)).registries.get('main');
  const given = Object.entries(found ?? {}).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given);
};

test('zookeeper: a path behind any server is what all paths are below of', (t) => {
  t.deepEqual(
    registryOf('{ type: zookeeper, servers: [zk1, "[::1]:2182", "zk3:2183/team/"], username: "", password: "" }'),
    {
      type: 'zookeeper',
      servers: ['zk1', '[::1]:2182', 'zk3:2183'],
      chroot: '/team',
      sessionTimeout: 10_000,
    },
  );
});

test('eureka: a user in a URL becomes the user, and slashes at the end do no harm', (t) => {
  const text =
    '{ type: eureka, urls: ["http://joe:p%25w@a:8761/eureka/", "http://b/eureka/v2"], interval: 5s, tls: { ca: ca.pem } }';
  t.deepEqual(registryOf(text.replace('http:', 'https:')), {
    type: 'eureka',
    urls: ['https://a:8761/eureka', 'http://b/eureka/v2'],
    username: 'joe',
    password: 'p%w',
    interval: 5_000,
    timeout: 5_000,
    address: 'host',
    port: 'auto',
    tls: { ca: '/etc/outrigger/ca.pem', cert: undefined, key: undefined },
  });
});

const WRONG: readonly (readonly [registry: string, problem: RegExp])[] = [
  ['{ type: zookeeper }', /servers/],
  ['{ type: zookeeper, servers: ["zk://a:2181"] }', /leave the scheme out/],
  ['{ type: zookeeper, servers: ["a:2181,b:2181"] }', /write the servers as a list/],
  ['{ type: zookeeper, servers: ["a:70000"] }', /host:port/],
  ['{ type: zookeeper, servers: ["a:2181/x/../y"] }', /host:port/],
  ['{ type: zookeeper, servers: ["a:2181/x", "b:2181/y"] }', /more than one path/],
  ['{ type: zookeeper, servers: ["a:2181", "a:2181"] }', /a second time/],
  ['{ type: zookeeper, servers: [a], username: joe }', /password.*is missing; username needs it/],
  ['{ type: zookeeper, servers: [a], session_timeout: 10 }', /a duration/],
  ['{ type: eureka, urls: [] }', /urls/],
  ['{ type: eureka, urls: ["a:8761/eureka"] }', /say the scheme, too: http:\/\/a:8761\/eureka/],
  ['{ type: eureka, urls: ["http://a/eureka/apps"] }', /leave "apps" out: http:\/\/a\/eureka/],
  ['{ type: eureka, urls: ["http://a/eureka?x=1"] }', /without a query/],
  ['{ type: eureka, urls: ["http://j:p@a/eureka", "http://k:p@b/eureka"] }', /more than one user/],
  ['{ type: eureka, urls: ["http://a/eureka"], password: x }', /username.*is missing; password needs it/],
  ['{ type: eureka, urls: ["http://a/eureka"], tls: { ca: x.pem } }', /does not go with http urls/],
  ['{ type: eureka, urls: ["https://a/eureka"], tls: { cert: x.pem } }', /key.*is missing; cert needs it/],
  ['{ type: eureka, urls: ["http://a/eureka"], port: grpc }', /auto, plain or secure|auto/],
];

for (const [registry, problem] of WRONG) {
  test(`what is wrong is said: ${registry}`, (t) => {
    t.regex(problemsOf(loadText(`registries: { main: ${registry} }\ndiscover: {}`)).join('\n'), problem);
  });
}

test('passwords are not shown', (t) => {
  for (const text of [
    '{ type: zookeeper, servers: [a/team], username: joe, password: s3cret }',
    '{ type: eureka, urls: ["http://joe:s3cret@a/eureka"] }',
  ]) {
    const shown = JSON.stringify(redact(configOf(loadText(`registries: { main: ${text} }\ndiscover: {}`))));
    t.false(shown.includes('s3cret'));
    t.regex(shown, /"username":"joe","password":"\*\*\*"/);
  }
});
