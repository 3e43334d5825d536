import { existsSync, readdirSync, readFileSync } from 'node:fs';
import test from 'ava';
import { parseDocument } from 'yaml';
import { referencePages } from '../.ci/reference.ts';
import { parseCommandLine } from '../src/cli/args.ts';
import { COMMANDS } from '../src/cli/flags.ts';
import { METRICS } from '../src/observe/metric_table.ts';
import { configOf, loadText } from './config/load_text.ts';
import { apiProblems } from './deploy/api_types.ts';
import { manifestsOf } from './deploy/manifest.ts';

// What the documents show is loaded, parsed and compared here, so that it cannot rot. tutorial.test.ts walks through the tutorial.
const DOCS = new URL('../docs/', import.meta.url);
const PAGES = readdirSync(DOCS, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.md'))
  .sort();
const read = (file: string): string => readFileSync(new URL(file, DOCS), 'utf8');
const SCRIPTS = (JSON.parse(read('../package.json')) as { scripts: Record<string, string> }).scripts;

const blocks = (text: string, language: string): string[] =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, 'gms'))].map(([, block]) => block as string);

/** The words of a line as a shell sees them, up to a comment or a pipe. */
function wordsOf(line: string): string[] {
  const words: string[] = [];
  for (const [word] of line.matchAll(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g)) {
    if (/^[#|&]/.test(word)) break;
    words.push(word.replaceAll(/['"]/g, ''));
  }
  return words;
}

for (const page of PAGES) {
  const text = read(page);

  test(`docs/${page}: what it links to is there`, (t) => {
    for (const [, link = ''] of text.matchAll(/\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)/g)) {
      t.true(existsSync(new URL(link, new URL(page, DOCS))), link);
    }
    for (const [, name = ''] of text.matchAll(/\bnpm (?:run )?(demo|test|check|build|docs|bench|attack|fuzz)\b/g)) {
      t.true(Object.hasOwn(SCRIPTS, name), name);
    }
    t.pass();
  });

  test(`docs/${page}: its YAML is a config that loads, a manifest, or a file that it names`, async (t) => {
    for (const block of blocks(text, 'yaml')) {
      if (/^(registries|inbound):/m.test(block)) t.notThrows(() => configOf(loadText(block)), block);
      else if (/^kind:/m.test(block)) {
        t.deepEqual(await apiProblems(manifestsOf(block)), []);
        for (const object of manifestsOf(block)) {
          const config: unknown = object.data?.['outrigger.yaml'];
          if (typeof config === 'string') t.notThrows(() => configOf(loadText(config)), config);
        }
      } else {
        t.regex(block, /^# [\w.]+\.ya?ml\n/, 'neither a config nor a manifest: it says which file it is');
        t.deepEqual(parseDocument(block).errors, []);
      }
    }
    t.pass();
  });

  test(`docs/${page}: its commands are understood`, (t) => {
    const lines = blocks(text, 'sh').flatMap((block) =>
      block.split('\n').filter((line) => line.startsWith('outrigger ')),
    );
    const inline = [...text.replaceAll(/^```.*?^```/gms, '').matchAll(/`(outrigger [^`]+)`/g)].map(
      ([, line]) => line as string,
    );
    for (const line of [...lines, ...inline]) {
      // A command by its name alone is the command, not a line to type.
      if (COMMANDS.some((command) => line === `outrigger ${command}`)) continue;
      const parsed = parseCommandLine(wordsOf(line).slice(1), {}, '/');
      t.not(parsed.kind, 'usage', `${line}: ${JSON.stringify(parsed)}`);
    }
    t.pass();
  });

  test(`docs/${page}: the metrics that it names exist`, (t) => {
    for (const [name] of text.matchAll(/\boutrigger_[a-z_]+/g)) {
      t.true(Object.hasOwn(METRICS, name) || Object.hasOwn(METRICS, name.replace(/_(bucket|sum|count)$/, '')), name);
    }
    t.pass();
  });
}

test('every page can be reached from docs/index.md', (t) => {
  const reached = new Set<string>(['index.md']);
  for (const page of reached) {
    for (const [, link = ''] of read(page).matchAll(/\]\((?!https?:|#)([^)#]+\.md)(?:#[^)]*)?\)/g)) {
      const path = new URL(link, new URL(page, DOCS)).pathname;
      if (path.startsWith(DOCS.pathname)) reached.add(path.slice(DOCS.pathname.length));
    }
  }
  for (const page of PAGES) t.true(reached.has(page), page);
});

for (const page of PAGES.filter((name) => name.startsWith('migrate/'))) {
  test(`docs/${page}: the keys that it leads to exist`, (t) => {
    const keys = read('configuration.md');
    const rows = [...read(page).matchAll(/^\| (?!-)(.*) \|$/gm)].map(
      ([, row = '']) => row.split(/ (?<!\\)\| /).at(-1) ?? '',
    );
    t.true(rows.length > 5);
    for (const row of rows) {
      for (const [, key = ''] of row.matchAll(/`([a-z_]+(?:(?:\.|\[\]|\.\*)+[a-z_]+)*)`/g)) {
        const last = key.split(/[.\]]/).at(-1);
        t.regex(keys, new RegExp(`[\`.]${last}\``), `${key}: ${row}`);
      }
    }
  });
}

test('docs/reference/ is what the code says: "npm run docs" writes it', async (t) => {
  const pages = await referencePages();
  t.deepEqual(readdirSync(new URL('reference/', DOCS)).sort(), Object.keys(pages).sort());
  for (const [name, text] of Object.entries(pages)) {
    t.true(read(`reference/${name}`) === text, `docs/reference/${name} is out of date: npm run docs`);
  }
});
