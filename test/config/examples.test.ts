import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import test from 'ava';
import { parse } from 'yaml';
import * as z from 'zod';
import { readConfig } from '../../src/config/read.ts';
import { FORMATS } from '../../src/config/schema_services.ts';
import { parseFile } from '../../src/control/registries/file/parse.ts';
import { FORMAT_NAMES } from '../../src/control/registries/records/formats.ts';
import { configOf, problemsOf } from './load_text.ts';
import { CONFIG_SCHEMA, keysOf, type SchemaNode, schemaOf } from './schema_values.ts';

const DIRECTORY = fileURLToPath(new URL('../../config/', import.meta.url));
const RECORDS = 'instances.yaml';
const EXAMPLES = readdirSync(DIRECTORY).filter((name) => name.endsWith('.yaml') && name !== RECORDS);
const read = (name: string) => readFileSync(`${DIRECTORY}${name}`, 'utf8');

/** What an editor does with the schema that `outrigger schema` prints. */
const schema = z.fromJSONSchema(CONFIG_SCHEMA as Parameters<typeof z.fromJSONSchema>[0]);

for (const name of EXAMPLES) {
  test(`config/${name} is right as it stands, and the JSON Schema says so, too`, async (t) => {
    const result = await readConfig({ file: `${DIRECTORY}${name}`, flags: {}, env: {}, cwd: '/' });
    t.deepEqual(problemsOf(result), []);
    t.true(schema.safeParse(parse(read(name))).success);
  });
}

test('the JSON Schema refuses what loading refuses', (t) => {
  for (const text of [
    'lissten: 1',
    'workers: 0',
    'drain_grace: 10',
    'drain_grace: 10 s',
    'registries: { e: { type: etdc } }',
    'registries: { e: { type: etcd } }',
    'registries: { "a b": { type: static } }',
    'services: { book: { retry: { attempts: 1 } } }',
    'services: { book: { version: { fallback: nome } } }',
    'routes: [ { path: x, service: y } ]',
  ]) {
    t.false(schema.safeParse(parse(text)).success, text);
  }
});

test('the full example shows every key there is', (t) => {
  const full = read('outrigger.yaml');
  const keys = [...keysOf(CONFIG_SCHEMA)];
  t.true(keys.length > 100);
  for (const [key, , path] of keys) t.regex(full, new RegExp(`(^|[\\s{#-])${key}:`, 'm'), path);
});

/** The form of a value that is a map of keys; undefined when there is none. */
function mapOf(node: SchemaNode): SchemaNode | undefined {
  return node.properties ? node : (node.anyOf ?? []).map(mapOf).find((map) => map !== undefined);
}

/** Every value of `shown` whose key has another default, with its path; `null` stands for what is left out. */
function* unlikeDefaults(shown: Readonly<Record<string, unknown>>, node: SchemaNode, path = ''): Generator<string> {
  for (const [key, value] of Object.entries(shown)) {
    const inner = schemaOf(node, key);
    const isMap = typeof value === 'object' && value !== null && !Array.isArray(value);
    const map = mapOf(inner);
    if (isMap && map) yield* unlikeDefaults(value as Readonly<Record<string, unknown>>, map, `${path}${key}.`);
    else if (!isDeepStrictEqual(value, inner.default ?? null)) yield `${path}${key}`;
  }
}

test('the full example shows the defaults, but where it says that it does not', (t) => {
  const { registries: _, needs, services, discover: __, routes, register, ...rest } = parse(read('outrigger.yaml'));
  t.true([needs, services, routes, register].every((example) => example !== undefined));
  t.deepEqual([...unlikeDefaults(rest, CONFIG_SCHEMA)], []);
  const service = schemaOf(CONFIG_SCHEMA, 'services').additionalProperties as SchemaNode;
  t.deepEqual(
    [...unlikeDefaults(services.book, service)],
    // These depend on other keys.
    ['registry', 'path', 'limits.connections_per_instance', 'health.grpc'],
  );
});

test('the records beside the examples are what the file registry reads', async (t) => {
  const { registries, services } = configOf(
    await readConfig({ file: `${DIRECTORY}file.yaml`, flags: {}, env: {}, cwd: '/' }),
  );
  const records = registries.get('records');
  t.is(records?.type === 'file' && dirname(records.path), DIRECTORY.replace(/\/$/, ''));
  t.is(records?.type === 'file' && basename(records.path), RECORDS);
  const found = parseFile(RECORDS, read(RECORDS), { listAllowed: false });
  t.deepEqual([...found.keys()], [...services.keys()]);
});

test('the formats of the config are the formats that there are', (t) => {
  t.deepEqual([...FORMATS].sort(), [...FORMAT_NAMES].sort());
});
