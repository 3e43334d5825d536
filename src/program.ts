import { readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';

/*
 * Where the parts of the program lie. In src/ every module has its own folder; in dist/ modules are put together into files that lie side
 * by side. What is found from here is found in both, as this module lies at the top of both.
 */

/** The program: `dist/main.js`, or `src/main.ts` from a checkout. */
export const PROGRAM = fileURLToPath(new URL(`./main${extname(import.meta.url)}`, import.meta.url));

/** What a data thread runs. */
export const DATA_THREAD = new URL(`./dataplane/thread${extname(import.meta.url)}`, import.meta.url);

/**
 * Where Node keeps what it made of the files of dist/ (https://nodejs.org/api/module.html#module-compile-cache); null in src/. Beside them, so
 * that nobody can put anything there who cannot change the program itself. The build fills it; where it cannot be written, it is only read.
 */
export const COMPILED =
  extname(import.meta.url) === '.js' ? fileURLToPath(new URL('./.compiled', import.meta.url)) : null;

/** The version of this program, as its package says it. */
export function ownVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
