// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the config's own syntax
import { readFileSync } from 'node:fs';
import test from 'ava';
import fc from 'fast-check';
import { keyPath, problemText } from '../../src/config/problem.ts';
import { loadText, problemsOf } from './load_text.ts';

const EXAMPLE = readFileSync(new URL('../../config/outrigger.yaml', import.meta.url), 'utf8');
const env = { A: '1', B: 'true', C: '${A}', D: '[', E: '\u0000' };

/** Loads a text; a throw fails the property, and a problem must have a place inside the text. */
function survives(text: string): boolean {
  const result = loadText(text, { env });
  if (result.kind === 'config') return true;
  const lines = text.split('\n').length;
  return result.problems.every((problem) => {
    const { at } = problem;
    return (
      problemText(problem) !== '' &&
      (at.kind !== 'file' || (at.line >= 1 && at.line <= lines && at.column >= 1 && at.length >= 1))
    );
  });
}

test('loading never throws, whatever the text', (t) => {
  const fragment = fc.constantFrom(
    ...[
      'a',
      ':',
      ' ',
      '\n',
      '  ',
      '- ',
      '[',
      ']',
      '{',
      '}',
      ',',
      '&x ',
      '*x',
      '!!',
      '!t ',
      '"',
      "'",
      '|',
      '>',
      '#',
      '? ',
      '---\n',
    ],
    ...[
      '${A}',
      '${',
      '${Z}',
      '}',
      'services',
      'registries',
      'type: etcd',
      '__proto__',
      '<<',
      '\t',
      '\r\n',
      '\u0000',
      '\ufeff',
      '1',
      '~',
      '.nan',
    ],
  );
  fc.assert(fc.property(fc.string(), survives));
  fc.assert(
    fc.property(
      fc.array(fragment, { maxLength: 40 }).map((parts) => parts.join('')),
      survives,
    ),
    { numRuns: 500 },
  );
  t.pass();
});

test('loading never throws, whatever the values', (t) => {
  const key = fc.constantFrom(
    ...[
      'listen',
      'admin',
      'telemetry',
      'workers',
      'log',
      'level',
      'drain_grace',
      'registries',
      'services',
      'discover',
      'routes',
      'path',
    ],
    ...[
      'type',
      'endpoints',
      'username',
      'password',
      'tls',
      'version',
      'fallback',
      'limits',
      'instances',
      'address',
      'registry',
      'x',
    ],
  );
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof({ depthSize: 'medium' }, tie('leaf'), tie('list'), tie('map'), tie('map')),
    leaf: fc.oneof(
      fc.constantFrom(
        'etcd',
        'static',
        'file',
        'a',
        'any',
        '${A}',
        'http://h:1',
        'h:1',
        '1s',
        '/',
        null,
        true,
        0,
        -1,
        1e99,
      ),
      fc.string(),
    ),
    list: fc.array(tie('tree'), { maxLength: 4 }),
    map: fc.dictionary(key, tie('tree'), { maxKeys: 8 }),
  }));
  fc.assert(
    fc.property(tree, (value) => survives(JSON.stringify(value))),
    { numRuns: 500 },
  );
  t.pass();
});

test('loading never throws, wherever a right config is cut or one of its lines is lost', (t) => {
  for (let end = 0; end < EXAMPLE.length; end += 41) t.true(survives(EXAMPLE.slice(0, end)), `cut at ${end}`);
  const lines = EXAMPLE.split('\n');
  for (const at of lines.keys()) t.true(survives(lines.toSpliced(at, 1).join('\n')), `without line ${at + 1}`);
});

test('what is made to grow or to nest without end is a problem', (t) => {
  for (const text of ['['.repeat(10_000), '{"a":'.repeat(10_000), '- '.repeat(10_000), 'a: &a [*a, *a]\n']) {
    t.true(
      problemsOf(loadText(text)).some((line) => line.includes('is nested too deeply')),
      text.slice(0, 20),
    );
  }
  const bomb = Array.from({ length: 9 }, (_, at) => {
    return `a${at + 1}: &a${at + 1} [${Array(9)
      .fill(at === 0 ? 'x' : `*a${at}`)
      .join(', ')}]`;
  });
  t.true(problemsOf(loadText(bomb.join('\n'))).some((line) => line.includes('or too large')));
});

test('a key path is written as people write it', (t) => {
  t.is(keyPath(['services', 'book', 'instances', 0, 'address']), 'services.book.instances[0].address');
  t.is(keyPath([]), '');
});
