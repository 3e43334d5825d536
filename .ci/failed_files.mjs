// Reads ava's output on standard input and prints the test files in which something failed, one per line.
import { existsSync } from 'node:fs';
import { text } from 'node:stream/consumers';

const files = new Set();
for (const line of (await text(process.stdin)).split('\n')) {
  const exited = /✘ (test\/\S+\.test\.ts) (?:exited|timed out|failed)/.exec(line);
  if (exited) files.add(exited[1]);
  const failed = /✘ \[fail\]: (.*)$/.exec(line);
  if (!failed) continue;
  // `e2e › calls › a title`: folders, file, title; the title may hold the same sign.
  const parts = failed[1].split(' › ');
  for (let count = 1; count < parts.length; count++) {
    const file = `test/${parts.slice(0, count).join('/')}.test.ts`;
    if (existsSync(file)) files.add(file);
  }
}
for (const file of files) process.stdout.write(`${file}\n`);
