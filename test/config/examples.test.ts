import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { parse } from 'yaml';
import * as z from 'zod';
import { readConfig } from '../../src/config/read.ts';
import { redact } from '../../src/config/redact.ts';
import { configJsonSchema } from '../../src/config/reference.ts';
import { FORMATS } from '../../src/config/schema_services.ts';
import { parseFile } from '../../src/control/registries/file/parse.ts';
import { FORMAT_NAMES } from '../../src/control/registries/records/formats.ts';
import { configOf, problemsOf } from './load_text.ts';

const DIRECTORY = fileURLToPath(new URL('../../config/', import.meta.url));
const RECORDS = 'instances.yaml';
const EXAMPLES = readdirSync(DIRECTORY).filter((name) => name !== RECORDS);
const read = (name: string) => readFileSync(`${DIRECTORY}${name}`, 'utf8');

/** What an editor does with the schema that `outrigger schema` prints. */
const schema = z.fromJSONSchema(JSON.parse(JSON.stringify(configJsonSchema())));

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

interface Node {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly additionalProperties?: Node | boolean;
  readonly items?: Node;
  readonly anyOf?: readonly Node[];
  readonly oneOf?: readonly Node[];
}

/** Every key of a schema, with the schema of its value. */
function* keysOf(node: Node): Generator<readonly [string, Node]> {
  for (const [key, inner] of Object.entries(node.properties ?? {})) {
    yield [key, inner];
    yield* keysOf(inner);
  }
  const inside = [node.items, node.additionalProperties, ...(node.anyOf ?? []), ...(node.oneOf ?? [])];
  for (const inner of inside) if (typeof inner === 'object') yield* keysOf(inner);
}

const KEYS = [...keysOf(configJsonSchema() as Node)];

test('the full example shows every key there is', (t) => {
  const full = read('outrigger.yaml');
  t.true(KEYS.length > 40);
  for (const [key] of KEYS) t.regex(full, new RegExp(`(^|[\\s{#-])${key}:`, 'm'), key);
});

test('the full example shows the defaults it says it shows', (t) => {
  const properties = (configJsonSchema() as { properties: Record<string, { default?: unknown }> }).properties;
  const full = parse(read('outrigger.yaml'));
  for (const key of ['listen', 'admin', 'telemetry', 'workers', 'drain_grace', 'default_service']) {
    t.deepEqual(full[key], properties[key]?.default, key);
  }
});

test('every key says what it is for', (t) => {
  // The kind of a registry and the address of a listed instance are what they are called.
  for (const [key, node] of KEYS) if (key !== 'type') t.truthy(node.description, key);
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

test('the config in force is shown under the names of the file, and is a config itself', async (t) => {
  for (const name of EXAMPLES) {
    const { file, ...shown } = redact(
      configOf(await readConfig({ file: `${DIRECTORY}${name}`, flags: {}, env: {}, cwd: '/' })),
    );
    t.is(file, `${DIRECTORY}${name}`);
    t.true(schema.safeParse(JSON.parse(JSON.stringify(shown))).success, name);
  }
});
