import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { PATIENCE_MS } from './support/process.ts';
import { serialTestWith } from './support/requires.ts';
import { temporaryDirectory } from './support/sidecar.ts';

// Code of other languages in the documents: each block is run, or at least read, by the language's own program.
const ROOT = new URL('../', import.meta.url);
const DOCUMENTS = [
  ...['README.md', 'README.zh-CN.md', 'CONTRIBUTING.md', 'deploy/README.md', 'bench/README.md', 'src/README.md'],
  ...readdirSync(new URL('docs/', ROOT), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file}`),
];

interface Snippet {
  readonly document: string;
  readonly code: string;
}

function snippets(language: string): Snippet[] {
  return DOCUMENTS.flatMap((document) => {
    const text = readFileSync(new URL(document, ROOT), 'utf8');
    const blocks = text.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, 'gms'));
    return Array.from(blocks, ([, code]) => ({ document, code: code as string }));
  });
}

/** Every snippet of `language`, in a file made by `wrap`, is accepted by a program. */
function accepted(
  t: ExecutionContext<unknown>,
  language: string,
  file: string,
  wrap: (code: string) => string,
  command: string,
  ...args: string[]
): void {
  const all = snippets(language);
  t.true(all.length > 0);
  for (const { document, code } of all) {
    const path = join(temporaryDirectory(), file);
    writeFileSync(path, wrap(code));
    const { status, stdout, stderr } = spawnSync(command, [...args, path], { encoding: 'utf8', timeout: PATIENCE_MS });
    t.is(status, 0, `${document}: ${stdout}${stderr}`);
  }
}

test('JavaScript in the documents is JavaScript', (t) => {
  accepted(t, 'js', 'snippet.mjs', (code) => code, process.execPath, '--check');
});

test('commands in the documents are read by a shell without complaint', (t) => {
  accepted(t, 'sh', 'snippet.sh', (code) => code, 'sh', '-n');
});

serialTestWith('python3-grpcio')('Python in the documents makes a channel', (t) => {
  accepted(t, 'python', 'snippet.py', (code) => `import grpc\n${code}`, '/usr/bin/python3');
});

serialTestWith('go')('Go in the documents is Go', (t) => {
  accepted(t, 'go', 'snippet.go', (code) => `package p\n\nfunc f() {\n${code}\n}\n`, 'gofmt', '-e');
});

serialTestWith('promtool')('queries in the documents are PromQL', (t) => {
  const rule = (code: string): string =>
    JSON.stringify({ groups: [{ name: 'docs', rules: [{ record: 'docs', expr: code.trim() }] }] });
  accepted(t, 'promql', 'rules.yaml', rule, 'promtool', 'check', 'rules');
});
