import test from 'ava';
import { loadText, problemsOf } from './load_text.ts';

/** The keys of one service, and what is wrong with them: `<line>:<column>: <key>: <message> -> <hint>`, the service's name left out. */
type Case = readonly [about: string, keys: string, ...problems: string[]];

const VERSIONS: readonly Case[] = [
  [
    'a version that falls back to itself',
    'version: { default: v2, fallback: [v2] }',
    '4:39: version.fallback: falls back to itself: v2 is what is wanted by default (version.default) -> name another version, or write "any" or "none"',
  ],
  [
    'versions that fall back to themselves when nobody is well',
    'version: { default: "v3, v2", unhealthy_fallback: [v2] }',
    '4:55: version.unhealthy_fallback: falls back to itself: v2 is what is wanted by default (version.default) -> name another version, or write "any" or "none"',
  ],
  [
    'weights that are no numbers',
    'version: { weights: { v1: much, v2: -1 } }',
    '4:31: version.weights.v1: expected a whole number from 0 to 1000000, found "much"',
    '4:41: version.weights.v2: expected a whole number from 0 to 1000000, found the number -1',
  ],
  [
    'weights of nothing',
    'version: { weights: { v1: 0, v2: 0 } }',
    '4:16: version.weights: gives no version a weight above 0 -> give one to some version, or leave the weights out',
  ],
  [
    'weights and a default',
    'version: { weights: { v1: 1 }, default: v2 }',
    '4:36: version.default: does not go with "weights", which win: they share out the requests that name no version -> leave one of the two out',
  ],
  [
    'nothing to stick to',
    'version: { sticky: path }',
    '4:16: version.sticky: has no effect without "weights" -> say how versions share the requests, for example "weights: { v1: 90, v2: 10 }", or leave it out',
  ],
  [
    'copies for the version that gets the requests',
    'version: { default: v2 }\n    mirror: { version: v2, share: 5% }',
    '5:24: mirror.version: "v2" gets the requests themselves (version.default) -> copies are for another version',
  ],
];

const ROUTING: readonly Case[] = [
  [
    'two rules for one header, and for one label',
    'match: [{ header: x-a, label: a }, { header: X-A, label: b }, { header: x-c, label: a }]',
    '4:50: match[1].header: "x-a" has a rule already: match[0] -> remove one of the two',
    '4:89: match[2].label: "a" has a rule already: match[0] -> remove one of the two',
  ],
  [
    'a rule for the header of the version',
    'match: { header: X-Version, label: track }',
    '4:22: match.header: "x-version" already names the version (version.header) -> versions need no rule; take another header here, or for "version"',
  ],
  [
    'an order of labels that nobody asks for, or asks for twice',
    'match: [{ header: x-s, label: stage }]\n    match_order: [[stage, stge], [stage], [stage], [stage, stage]]',
    '5:27: match_order[0][1]: no rule of "match" has the label "stge" -> did you mean "stage"?',
    '5:43: match_order[2]: insists on the same labels as match_order[1] -> remove one of the two',
    '5:52: match_order[3]: insists on the same labels as match_order[1] -> remove one of the two',
    '5:60: match_order[3][1]: names the label "stage" a second time -> remove it',
  ],
  [
    'an order without rules',
    'match_order: [[stage]]',
    '4:20: match_order[0][0]: no rule of "match" has the label "stage" -> list it under "match"',
  ],
  [
    'something to hash for a policy that does not',
    'hash_on: path',
    '4:5: hash_on: has no effect: round_robin does not hash -> set "balance: ring_hash" or "balance: maglev", or leave "hash_on" out',
  ],
  [
    'something to hash that is nothing',
    'balance: maglev\n    hash_on: { header: x-a, cookie: a }',
    '5:14: hash_on: expected path, source, "{ header: NAME }" or "{ cookie: NAME }", found a map of keys',
  ],
  [
    'a number for a share',
    'zone: { prefer: 0.5 }',
    '4:21: zone.prefer: expected a share such as 10%, and at least 1%, found the number 0.5 -> did you mean "50%"?',
  ],
  [
    'a zone that is no preference',
    'zone: always',
    '4:11: zone: expected ignore, prefer, or a share such as "{ prefer: 50% }", found "always"',
  ],
  ['a subset of nobody', 'subset: 0', '4:13: subset: expected a whole number from 1 to 10000, found the number 0'],
];

const RETRIES: readonly Case[] = [
  [
    'an attempt that may take longer than all of them',
    'retry: { per_try_timeout: 4s, timeout: 3s }',
    '4:31: retry.per_try_timeout: 4s is above retry.timeout (3s): no attempt could ever take that long -> give less than retry.timeout',
  ],
  [
    'an attempt that may take longer than the request',
    'timeout: 2s\n    retry: { per_try_timeout: 3s }',
    '5:31: retry.per_try_timeout: 3s is above timeout (2s): no attempt could ever take that long -> give less than timeout',
  ],
  [
    'attempts that may take longer than the request',
    'timeout: 2s\n    retry: { timeout: 3s }',
    '5:23: retry.timeout: 3s is above timeout (2s), which ends the request before -> raise "timeout", or leave this one out',
  ],
  [
    "an attempt of a method against the timeout of its service, or the method's own",
    'timeout: 2s\n    methods: { /a: { retry: { per_try_timeout: 3s } }, /b: { timeout: 1s, retry: { per_try_timeout: 2s } } }',
    '5:48: methods./a.retry.per_try_timeout: 3s is above timeout (2s): no attempt could ever take that long -> give less than timeout',
    '5:101: methods./b.retry.per_try_timeout: 2s is above timeout (1s): no attempt could ever take that long -> give less than timeout',
  ],
  [
    'a pause that begins above its end',
    'retry: { backoff: { base: 1s } }',
    '4:31: retry.backoff.base: base (1s) is above max (250ms, by default) -> raise max, or lower base',
  ],
  [
    'a pause that ends below its beginning',
    'retry: { backoff: { base: 3s, max: 1s } }',
    '4:40: retry.backoff.max: base (3s) is above max (1s) -> raise max, or lower base',
  ],
  [
    'a pause that is longer than all the time there is',
    'timeout: 200ms\n    retry: { backoff: { base: 1s, max: 1s } }',
    '5:31: retry.backoff.base: the first pause, of 1s, would end when timeout (200ms) is over: there would be no second attempt -> give less, or raise timeout',
  ],
  [
    'an attempt beside the first one that would begin when that has been given up',
    'retry: { per_try_timeout: 500ms }\n    methods: { /a: { hedge: { delay: 1s } }, /b: { retry: { per_try_timeout: 2s }, hedge: { delay: 1s } } }',
    '5:38: methods./a.hedge.delay: the second attempt would begin after 1s, when per_try_timeout (500ms) has ended the first -> give a shorter delay, or a longer per_try_timeout',
  ],
  [
    'a check over TLS of instances that have none',
    'health: { grpc: "", tls: true }',
    '4:30: health.tls: there is no "tls" beside "health" that says how -> give the service "tls", or leave this one out',
  ],
  [
    'a check over TLS that says nothing',
    'tls: {}\n    health: { tcp: true, tls: true }',
    '5:31: health.tls: a check by tcp says nothing on the connection -> check with grpc or http, or leave this one out',
  ],
  [
    'an attempt beside the first one that would begin too late',
    'timeout: 1s\n    methods: { /a: { hedge: { delay: 600ms, attempts: 3 } }, /b: { timeout: 50ms, hedge: { delay: 50ms } } }',
    '5:38: methods./a.hedge.delay: attempt 3 would begin after 1200ms, when timeout (1s) is over -> give a shorter delay, or fewer attempts',
    '5:99: methods./b.hedge.delay: the second attempt would begin after 50ms, when timeout (50ms) is over -> give a shorter delay, or fewer attempts',
  ],
  [
    'a method whose name is written in two ways',
    'methods: { /a.A/Get: {}, /a.A/get: {} }',
    '4:30: methods./a.A/get: differs from "/a.A/Get" in case alone -> keep the one that the service has',
  ],
  [
    'a method that is no path',
    'methods: { Get: {} }',
    '4:16: methods.Get: expected a request path such as /book.Book/Get, found "Get"',
  ],
];

const OUTLIERS: readonly Case[] = [
  [
    'an ejection that begins longer than the longest',
    'outlier: { base_ejection: 400s }',
    '4:31: outlier.base_ejection: base_ejection (400s) is above max_ejection (5m, by default) -> raise max_ejection, or lower base_ejection',
  ],
  [
    'an outlier that nothing makes one',
    'outlier: { consecutive_failures: null }',
    '4:5: outlier: looks at nothing: consecutive_failures, success_rate and failure_percentage are all null -> write "outlier: off" if that is meant',
  ],
  [
    'nobody may be ejected',
    'outlier: { max_ejected: 0% }',
    '4:29: outlier.max_ejected: expected a share such as 10%, and at least 1%, found "0%" -> write "outlier: off" to leave nobody out',
  ],
  ['a word for off that is not', 'outlier: never', '4:14: outlier: expected off, or a map of keys, found "never"'],
  [
    'a start that is no gentle one',
    'slow_start: { window: 1s, minimum: 0% }',
    '4:40: slow_start.minimum: expected a share such as 10%, and at least 1%, found "0%"',
  ],
  [
    'connections that are replaced all the time',
    'max_connection_age: 10ms',
    '4:25: max_connection_age: expected a duration such as 250ms, 3s, 5m or 1h, or null, and at least 1s, found "10ms"',
  ],
  [
    'a health check of two kinds',
    'health: { grpc: "", tcp: true }',
    '4:13: health: expected one of grpc, http and tcp, found a map of keys -> there are: grpc, tcp',
  ],
];

for (const [about, keys, ...expected] of [...VERSIONS, ...ROUTING, ...RETRIES, ...OUTLIERS]) {
  test(`what contradicts itself is a problem with its place and a way out: ${about}`, (t) => {
    const text = `registries: { e: { type: etcd, endpoints: ["http://h:2379"] } }\nservices:\n  book:\n    ${keys}\n`;
    const found = problemsOf(loadText(text));
    t.deepEqual(
      found.map((problem) => problem.replace('c.yaml:', '').replace('services.book.', '')),
      expected,
    );
  });
}

test('no success is a failure', (t) => {
  for (const keys of ['retry: { on: [ok] }', 'outlier: { on: [ok] }']) {
    const [problem] = problemsOf(
      loadText(`registries: { f: { type: file, path: x } }\nservices: { book: { ${keys} } }\n`),
    );
    t.regex(problem ?? '', /\.on\[0\]: expected one of cancelled, .*, found "ok"/);
  }
});

test('what holds for a service holds for discover', (t) => {
  const text =
    'registries: { f: { type: file, path: x } }\ndiscover: { version: { sticky: path }, hash_on: path, outlier: { consecutive_failures: null } }\n';
  t.deepEqual(
    problemsOf(loadText(text)).map((problem) => problem.split(': ')[1]),
    ['discover.version.sticky', 'discover.hash_on', 'discover.outlier'],
  );
});

test('what only looks like a contradiction is none', (t) => {
  for (const keys of [
    // Versions that nobody has go to v1 in the end.
    'version: { default: v1, fallback: [v2, v1] }',
    'version: { default: "v3, v2" }, mirror: { version: v2, share: 1% }',
    'version: { weights: { v1: 1, v2: 0 }, sticky: path }',
    'match: { header: x-a, label: zone }, match_order: [[zone], []]',
    // Spread by chance, as documented.
    'balance: ring_hash',
    'hash_on: path, methods: { /a: { balance: maglev } }',
    'timeout: 2s, retry: { timeout: 2s, per_try_timeout: 2s, backoff: { base: 1s, max: 1s } }',
    // A method in a hurry takes over what its service says.
    'retry: { timeout: 3s, per_try_timeout: 2s }, methods: { /a: { timeout: 1s } }',
    'timeout: 1s, methods: { /a: { timeout: null, hedge: { delay: 5s } } }',
    'outlier: { consecutive_failures: null, success_rate: {} }',
    'outlier: { base_ejection: 1s, max_ejection: 1s, on: [] }',
  ]) {
    const text = `registries: { f: { type: file, path: x } }\nservices: { book: { ${keys} } }\n`;
    t.deepEqual(problemsOf(loadText(text)), [], keys);
  }
});

const NEEDS = 'needs: { v2: { bok: v3, user: "^1" } }\n';
const FILE = 'registries: { f: { type: file, path: x } }\n';

test('needs are for services that there are, and for an app whose version is known', (t) => {
  t.deepEqual(problemsOf(loadText(`${NEEDS}${FILE}services: { book: {} }\napp: { version: v2 }\n`)), [
    'c.yaml:1:16: needs.v2.bok: there is no service "bok" -> did you mean "book"?',
    'c.yaml:1:25: needs.v2.user: there is no service "user" -> there are: book',
  ]);
  t.deepEqual(problemsOf(loadText(`${NEEDS}${FILE}discover: {}\n`)), [
    'c.yaml:1:1: needs: has no effect: the version of the app is not known -> give app.version (or the version of the first entry of "register")',
  ]);
  t.deepEqual(problemsOf(loadText(`${NEEDS}${FILE}discover: {}\napp: { version: v1 }\n`)), []);
});
