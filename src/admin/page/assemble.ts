import { readFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';

const IMPORT = /^import (?:type )?(?:[^;']*? from )?'([^']+)';\n?/gm;

/**
 * The page as one file: `page.html` with `page.css` and the modules of `client/` inside it. The modules become one script, in the order
 * in which they need each other, without types; so their top-level names differ, which a test sees to.
 */
export async function assemblePage(): Promise<string> {
  const here = (file: string): Promise<string> => readFile(new URL(file, import.meta.url), 'utf8');
  const [html, css, script] = await Promise.all([here('page.html'), here('page.css'), bundle('client/main.ts')]);
  // Functions, since `$` means something in a replacement.
  return html
    .replace('/* page.css */', () => `\n${squeezeStyle(css)}`)
    .replace('/* client/main.ts */', () => `\n${script}`);
}

async function bundle(entry: string): Promise<string> {
  const parts: string[] = [];
  const seen = new Set<string>();
  const add = async (url: URL): Promise<void> => {
    if (seen.has(url.href)) return;
    seen.add(url.href);
    const code = stripTypeScriptTypes(await readFile(url, 'utf8'));
    // What is imported for its types alone is gone by now.
    for (const [, from = ''] of code.matchAll(IMPORT)) await add(new URL(from, url));
    parts.push(squeeze(code.replaceAll(IMPORT, '').replaceAll(/^export /gm, '')));
  };
  await add(new URL(entry, import.meta.url));
  return parts.join('');
}

/** Leaves out comments that fill whole lines, indentation, what is blank, and the gaps that types have left: half of the octets. */
function squeeze(code: string): string {
  return code
    .replaceAll(/^\s*\/\*.*?\*\/\s*$/gms, '')
    .replaceAll(/^\s*\/\/.*$/gm, '')
    .replaceAll(/[ \t]+$/gm, '')
    .replaceAll(/^\s+/gm, '')
    .replaceAll(/ {2,}/g, ' ')
    .replaceAll(/([{(,;[])\n/g, '$1');
}

/** What only people who read a style sheet need is left out as well. */
function squeezeStyle(css: string): string {
  return squeeze(css)
    .replaceAll(/\}\n/g, '}')
    .replaceAll(/, /g, ',')
    .replaceAll(/ \{/g, '{')
    .replaceAll(/;\}/g, '}')
    .replaceAll(/([{;][\w-]+): /g, '$1:');
}
