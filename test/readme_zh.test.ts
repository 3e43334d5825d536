import { readFileSync } from 'node:fs';
import test from 'ava';

const read = (file: string): string => readFileSync(new URL(`../${file}`, import.meta.url), 'utf8');

/** What must be the same in every language, in its order. */
function skeleton(text: string) {
  const code = [...text.matchAll(/^```.*?^```/gms)].map(([block]) => block);
  const prose = text.replaceAll(/^```.*?^```/gms, '');
  const tables = [...prose.matchAll(/(?:^\|.*\n)+/gm)].map(([table]) => table);
  return {
    code,
    headings: [...prose.matchAll(/^(#+) /gm)].map(([, level = '']) => level.length),
    rows: tables.map((table) => table.trim().split('\n').length),
    // What is written as code in each table: addresses, reasons, formats.
    words: tables.map((table) => [...table.matchAll(/`[^`]+`/g)].map(([word]) => word).sort()),
    links: [...new Set([...prose.matchAll(/\]\(([^)#]+)\)/g)].map(([, link = '']) => link))]
      .filter((link) => !link.startsWith('README'))
      .sort(),
  };
}

const ENGLISH = skeleton(read('README.md'));
const CHINESE = skeleton(read('README.zh-CN.md'));

test('the Chinese README has the same sections', (t) => {
  t.true(ENGLISH.headings.length > 10);
  t.deepEqual(CHINESE.headings, ENGLISH.headings);
});

test('the Chinese README shows the same commands and configs', (t) => {
  t.deepEqual(CHINESE.code, ENGLISH.code);
});

test('the Chinese README has the same tables, row by row', (t) => {
  t.deepEqual(CHINESE.rows, ENGLISH.rows);
  t.deepEqual(CHINESE.words, ENGLISH.words);
});

test('the Chinese README links to the same places', (t) => {
  t.deepEqual(CHINESE.links, ENGLISH.links);
});

test('each README names the other', (t) => {
  t.true(read('README.md').includes('(README.zh-CN.md)'));
  t.true(read('README.zh-CN.md').includes('(README.md)'));
});
