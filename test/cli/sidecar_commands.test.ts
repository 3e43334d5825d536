import test from 'ava';
import { parseCommandLine } from '../../src/cli/args.ts';
import { explanationText } from '../../src/cli/explain/print.ts';
import { EventReader } from '../../src/cli/tap/events.ts';
import { tapLine } from '../../src/cli/tap/print.ts';
import type { Explanation } from '../../src/model/explain.ts';
import { requestJson } from '../../src/observe/request_line.ts';
import { requestRecord } from '../support/request_record.ts';

const parse = (...argv: string[]) => parseCommandLine(argv, {}, '/cwd');
const config = { file: null, flags: {}, env: {}, cwd: '/cwd' };

test('explain takes a service, headers and a method', (t) => {
  const asked = { kind: 'explain', config, admin: 'h:1', service: 'book', path: '/book.Book/Get', json: true };
  t.deepEqual<unknown, unknown>(
    parse(
      'explain',
      'book',
      '-H',
      'x-version: v2',
      '--header=x-user:ann',
      '--method',
      '/book.Book/Get',
      '--admin',
      'h:1',
      '--json',
    ),
    { ...asked, headers: ['x-version: v2', 'x-user:ann'] },
  );
});

test('tap takes a service and filters; --version is one of them there, and Outrigger’s own elsewhere', (t) => {
  t.deepEqual<unknown, unknown>(
    parse('tap', 'book', '--version', 'v2', '--status', '5xx', '--instance', 'h:2', '--method', 'Get', '--json'),
    {
      kind: 'tap',
      config,
      admin: null,
      filters: { service: 'book', version: 'v2', status: '5xx', instance: 'h:2', method: 'Get' },
      json: true,
    },
  );
  t.deepEqual(parse('--version'), { kind: 'version' });
});

test('top takes a service, an interval and what to sort by', (t) => {
  const asked = { kind: 'top', config, admin: null, json: false };
  t.deepEqual<unknown, unknown>(parse('top'), { ...asked, service: null, interval: 1_000, sort: 'service' });
  t.deepEqual<unknown, unknown>(parse('top', 'book', '--interval', '250ms', '--sort', 'p99'), {
    ...asked,
    service: 'book',
    interval: 250,
    sort: 'p99',
  });
});

for (const [argv, message] of [
  [['explain'], 'explain needs the name of a service'],
  [['explain', 'book', '-H', 'x-version'], '"x-version" is no header'],
  [['explain', 'book', '--method', 'book.Book/Get'], '"book.Book/Get" is no method'],
  [['explain', 'book', 'user'], 'explain takes no "user"'],
  [['tap', '--version'], '--version needs a value'],
  [['tap', 'book', '--sort', 'p99'], 'tap has no flag --sort'],
  [['top', '--interval', '1'], '"1" is no interval'],
  [['top', '--interval', '10ms'], '"10ms" is no interval'],
  [['top', '--sort', 'size'], 'top cannot sort by "size"'],
  [['completions'], 'completions needs the name of a shell'],
  [['completions', 'tcsh'], 'completions needs the name of a shell'],
] as const) {
  test(`wrong usage says what is wrong: ${argv.join(' ')}`, (t) => {
    const parsed = parse(...argv);
    t.is(parsed.kind, 'usage');
    t.is((parsed as { message: string }).message, message);
    t.not((parsed as { hint: string }).hint, '');
  });
}

const EXPLANATION: Explanation = {
  service: 'book',
  routed: 'the authority "book" names it',
  registry: 'main',
  path: '/services/book/',
  updatedAt: 10_000,
  trouble: null,
  steps: [
    { filter: 'registered', about: 'in registry "main"', kept: 9, removed: 0, examples: [] },
    {
      filter: 'version',
      about: 'x-version: v2',
      kept: 2,
      removed: 7,
      examples: Array.from({ length: 7 }, (_, at) => ({
        instance: `10.0.0.${at}:1`,
        version: 'v1',
        why: 'version v1',
      })),
    },
  ],
  balance: 'round_robin',
  choice: '10.0.1.1:1',
  next: ['10.0.1.2:1', '10.0.1.1:1'],
  byChance: false,
  error: null,
};

test('an explanation tells each filter with whom it took out, the policy, and the choices', (t) => {
  t.is(
    explanationText(EXPLANATION, 13_200, false),
    `service     book: the authority "book" names it
registry    main, /services/book/: confirmed 3.2s ago
registered  ✓ 9 of 9  in registry "main"
version     ● 2 of 9  x-version: v2
              - 10.0.0.0:1 (v1): version v1
              - 10.0.0.1:1 (v1): version v1
              - 10.0.0.2:1 (v1): version v1
              - 10.0.0.3:1 (v1): version v1
              - 10.0.0.4:1 (v1): version v1
              - and 2 more
policy      round_robin
choice      10.0.1.1:1
then        10.0.1.2:1, 10.0.1.1:1
`,
  );
});

test('an explanation of an error says which', (t) => {
  const error = { reason: 'no_version', message: 'nobody has v3' };
  const steps = [{ filter: 'version', about: 'x-version: v3', kept: 0, removed: 0, examples: [] }];
  const text = explanationText(
    { ...EXPLANATION, updatedAt: 0, trouble: 'away', steps, choice: null, next: [], error },
    0,
    false,
  );
  t.regex(text, /registry +main, \/services\/book\/: has not answered yet; away\n/);
  t.regex(text, /version +✗ 0 of 0/);
  t.regex(text, /error +no_version: nobody has v3\n$/);
  t.notRegex(text, /choice/);
});

test('events are read however the stream is cut', (t) => {
  const stream = ': hello\n\nevent: request\ndata: {"a":1}\n\ndata: x\n\nevent: missed\ndata: {"missed":2}\n\n';
  for (const size of [1, 7, stream.length]) {
    const reader = new EventReader();
    const events = [];
    for (let at = 0; at < stream.length; at += size) events.push(...reader.read(stream.slice(at, at + size)));
    t.deepEqual(events, [
      { event: 'request', data: '{"a":1}' },
      { event: 'message', data: 'x' },
      { event: 'missed', data: '{"missed":2}' },
    ]);
  }
});

test('a tapped request is one line that no terminal obeys', (t) => {
  t.is(
    tapLine(requestJson(requestRecord()), false),
    '03:04:05.678  200/0       1.25ms  own 0.25ms    book v1  10.0.0.1:50051  /book.Book/Get\n',
  );
  const bad = { service: '', instance: null, version: null, grpcStatus: null, status: 404, reason: 'no_route' };
  const line = tapLine(requestJson(requestRecord({ ...bad, attempts: 2, path: '/\u001b[31m\n' })), false);
  t.is(line, '03:04:05.678  404         1.25ms  own 0.25ms    -  -  POST /?[31m?  2 attempts  no_route\n');
});
