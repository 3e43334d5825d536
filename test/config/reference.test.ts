import { readFileSync } from 'node:fs';
import test from 'ava';
import { configurationMarkdown } from '../../.ci/configuration.ts';
import { overrides } from '../../src/config/overrides.ts';
import { CONFIG_SCHEMA, keysOf } from './schema_values.ts';

const file = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

test('docs/configuration.md is what the schema says: "npm run docs" writes it', (t) => {
  t.true(file('docs/configuration.md') === configurationMarkdown(), 'it is out of date: npm run docs');
});

test('docs/configuration.md explains every key', (t) => {
  const explained = new Set(
    [...file('docs/configuration.md').matchAll(/^(?:\| |## )`([^`]+)`/gm)].map(([, key]) => key),
  );
  for (const [key, , path] of keysOf(CONFIG_SCHEMA)) {
    const isThere = [...explained].some((name) => name === key || name?.endsWith(`.${key}`));
    t.true(isThere || key === 'type', path);
  }
});

test('docs/configuration.md says what wins over the file', (t) => {
  const text = file('docs/configuration.md');
  for (const { key, variable, flag } of overrides())
    t.true(text.includes(`| \`${key}\` | \`${variable}\` | \`${flag}\` |`));
});

/** Ways of saying what is meant by a key that is left out. */
const LEFT_OUT =
  /without|left out|by default|needs `|in (the )?place of|an empty text|one of `|when `|for (an? )?https|no other|such a file/i;

test('every key has a description, and a default or a word on what it means to leave it out', (t) => {
  const required = new Set<unknown>();
  for (const node of [CONFIG_SCHEMA, ...mapsOf()])
    for (const key of node.required ?? []) required.add(node.properties?.[key]);
  for (const [key, node, path] of keysOf(CONFIG_SCHEMA)) {
    if (key === 'type') continue;
    t.truthy(node.description, path);
    const isSaid = node.default !== undefined || required.has(node) || LEFT_OUT.test(node.description ?? '');
    t.true(isSaid, `${path}: ${node.description}`);
  }
});

/** Every map of the schema. */
function* mapsOf(node = CONFIG_SCHEMA): Generator<typeof CONFIG_SCHEMA> {
  const inside = [...(node.anyOf ?? []), ...(node.oneOf ?? []), ...Object.values(node.properties ?? {})];
  if (node.items) inside.push(node.items);
  if (typeof node.additionalProperties === 'object') inside.push(node.additionalProperties);
  for (const inner of inside) {
    yield inner;
    yield* mapsOf(inner);
  }
}
