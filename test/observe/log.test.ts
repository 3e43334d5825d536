import { spawnSync } from 'node:child_process';
import test from 'ava';
import { createLog, LOG_LEVELS } from '../../src/observe/log.ts';

const AT = Date.UTC(2026, 0, 2, 3, 4, 5, 678);

function open(format: 'json' | 'text', level: (typeof LOG_LEVELS)[number] = 'info') {
  const lines: string[] = [];
  const log = createLog({ level, format, destination: { write: (line) => lines.push(line) }, now: () => AT });
  return { log, lines };
}

test('a JSON line holds level, time, message and the fields', (t) => {
  const { log, lines } = open('json');
  log.warn('registry is away', { registry: 'main', failures: 3, ready: false, zone: null, gone: undefined });
  t.is(lines.length, 1);
  t.true(lines[0]?.endsWith('\n'));
  t.deepEqual(JSON.parse(lines[0] as string), {
    level: 'warn',
    time: '2026-01-02T03:04:05.678Z',
    msg: 'registry is away',
    registry: 'main',
    failures: 3,
    ready: false,
    zone: null,
  });
});

test('a field cannot take the place of level, time or message', (t) => {
  const { log, lines } = open('json');
  log.info('log level changed', { level: 'debug', msg: 'x', time: 1 });
  const line = lines[0] as string;
  t.is(line.match(/"level":/g)?.length, 1);
  const { level, level_, msg, msg_, time_ } = JSON.parse(line);
  t.deepEqual(
    { level, level_, msg, msg_, time_ },
    { level: 'info', level_: 'debug', msg: 'log level changed', msg_: 'x', time_: 1 },
  );
});

test('a text line is read from left to right: time, level, message, fields', (t) => {
  const { log, lines } = open('text');
  log.info('instance is ready', { service: 'book', address: '127.0.0.1:50051', ms: 12, zone: null, gone: undefined });
  t.deepEqual(lines, [
    '2026-01-02T03:04:05.678Z INFO  instance is ready service=book address=127.0.0.1:50051 ms=12 zone=null\n',
  ]);
});

test('what comes from outside can neither forge a line of text nor steer the terminal', (t) => {
  const { log, lines } = open('text');
  log.error('bad record\n2026 INFO all is well', { key: 'a b', value: '\u001b[2J"x"=1\n', empty: '', c1: '\u009b' });
  t.is(lines.length, 1);
  t.is(
    lines[0]?.slice(25),
    'ERROR bad record\\x0a2026 INFO all is well key="a b" value="\\u001b[2J\\"x\\"=1\\n" empty="" c1="\\x9b"\n',
  );
});

for (const format of ['json', 'text'] as const) {
  test(`the level of a ${format} log holds from the moment it is set`, (t) => {
    const { log, lines } = open(format, 'warn');
    const speak = () => {
      lines.length = 0;
      for (const level of LOG_LEVELS) log[level](level);
      return lines.length;
    };
    t.is(speak(), 2);
    log.setLevel('debug');
    t.is(log.level, 'debug');
    t.is(speak(), 4);
    log.setLevel('error');
    t.is(speak(), 1);
  });

  test(`no line of a ${format} log is lost when the process exits at once`, (t) => {
    const script = `
      import { createLog } from ${JSON.stringify(new URL('../../src/observe/log.ts', import.meta.url).href)};
      const log = createLog({ level: 'info', format: '${format}', destination: 1 });
      for (let i = 0; i < 2000; i++) log.info('line', { i });
      process.exit(3);`;
    const { status, stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    t.is(status, 3);
    const lines = stdout.split('\n');
    t.is(lines.length, 2001);
    t.true(lines[1999]?.includes('1999'), lines[1999]);
  });
}
