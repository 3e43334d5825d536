import test from 'ava';
import { plainText, tableText } from '../../src/cli/table.ts';

test('columns are aligned: text at the left, numbers at the right, and nothing is a dash', (t) => {
  t.is(
    tableText(
      ['NAME', 'COUNT', 'ZONE'],
      [
        ['book', 7, null],
        ['a', 1_000, 'a'],
        ['', 12, ''],
      ],
    ),
    ['NAME  COUNT  ZONE', 'book      7  -', 'a      1000  a', '-        12  -', ''].join('\n'),
  );
});

test('a column in which a number is missing is text', (t) => {
  t.is(tableText(['N'], [[1], [null]]), 'N\n1\n-\n');
});

test('what a registry holds cannot move the cursor of a terminal, break a line or turn it round', (t) => {
  t.is(plainText('a\u001b[2Jb\nc\u202Ed\u2028e\u200f'), 'a?[2Jb?c?d?e?');
  t.is(tableText(['K'], [['x\u001b]0;y\u0007']]), 'K\nx?]0;y?\n');
});
