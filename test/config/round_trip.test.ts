import { deepStrictEqual } from 'node:assert';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import fc from 'fast-check';
import * as z from 'zod';
import type { Config } from '../../src/config/config.ts';
import { readConfig } from '../../src/config/read.ts';
import { redact } from '../../src/config/redact.ts';
import { configOf, loadText } from './load_text.ts';
import { CONFIG_SCHEMA, type SchemaNode, schemaOf, valuesOf } from './schema_values.ts';

/** A config but for its secrets and the name of its file. */
function comparable({ registries, ...rest }: Config): object {
  const secrets = ['password', 'token'];
  const shown = [...registries].map(([name, options]) => [
    name,
    Object.fromEntries(Object.entries(options).filter(([key, value]) => value !== undefined && !secrets.includes(key))),
  ]);
  return { ...rest, file: null, registries: shown };
}

/** The config that is shown for a config. */
function shownAgain(config: Config): Config {
  const { file: _, ...shown } = redact(config);
  return configOf(loadText(JSON.stringify(shown)));
}

const DIRECTORY = fileURLToPath(new URL('../../config/', import.meta.url));

for (const name of readdirSync(DIRECTORY).filter((name) => name !== 'instances.yaml' && name.endsWith('.yaml'))) {
  test(`what is shown of config/${name} is the same config`, async (t) => {
    const config = configOf(await readConfig({ file: `${DIRECTORY}${name}`, flags: {}, env: {}, cwd: '/' }));
    t.deepEqual(comparable(shownAgain(config)), comparable(config));
    const { file, ...shown } = redact(config);
    t.is(file, `${DIRECTORY}${name}`);
    t.true(schema.safeParse(JSON.parse(JSON.stringify(shown))).success, 'the JSON Schema takes it, too');
  });
}

/** What an editor does with the schema that `outrigger schema` prints. */
const schema = z.fromJSONSchema(CONFIG_SCHEMA as Parameters<typeof z.fromJSONSchema>[0]);

/** A config in which a value for one key can stand. */
type Around = (value: unknown) => object;

const FILE = { f: { type: 'file', path: 'x' } };
const MATCH = [
  { header: 'x-stage', label: 'stage' },
  { header: 'x-zone', label: 'zone' },
];
const ofService = schemaOf(CONFIG_SCHEMA, 'services').additionalProperties as SchemaNode;
const ofDiscover = schemaOf(CONFIG_SCHEMA, 'discover').anyOf?.[0] as SchemaNode;
const ofRegister = schemaOf(CONFIG_SCHEMA, 'register').items as SchemaNode;
const ofRegistry = schemaOf(CONFIG_SCHEMA, 'registries').additionalProperties as SchemaNode;

/** Names in other places, which a test of their own looks at. */
const NAMES = ['registry', 'path', 'instances'];

function* places(): Generator<readonly [where: string, node: SchemaNode, key: string, around: Around]> {
  const known = { registries: FILE, services: { book: {} } };
  for (const [key, node] of Object.entries(CONFIG_SCHEMA.properties ?? {})) {
    if (['registries', 'services', 'discover', 'register'].includes(key)) continue;
    yield [key, node, key, (value) => ({ ...known, app: { version: 'v2' }, [key]: value })];
  }
  for (const [key, node] of Object.entries(ofService.properties ?? {})) {
    if (NAMES.includes(key)) continue;
    const base = { balance: key === 'hash_on' ? 'maglev' : 'random', match: key === 'match_order' ? MATCH : [] };
    yield [`services.*.${key}`, node, key, (value) => ({ ...known, services: { book: { ...base, [key]: value } } })];
  }
  for (const [key, node] of Object.entries(ofDiscover.properties ?? {})) {
    if (NAMES.includes(key)) continue;
    const base = { balance: key === 'hash_on' ? 'maglev' : 'random', match: key === 'match_order' ? MATCH : [] };
    yield [`discover.${key}`, node, key, (value) => ({ registries: FILE, discover: { ...base, [key]: value } })];
  }
  const etcd = { f: { type: 'etcd', endpoints: ['http://h:1'] } };
  for (const [key, node] of Object.entries(ofRegister.properties ?? {})) {
    const base = key === 'address' ? { service: 'app' } : { service: 'app', port: 80 };
    yield [`register[].${key}`, node, key, (value) => ({ registries: etcd, register: [{ ...base, [key]: value }] })];
  }
  for (const form of ofRegistry.oneOf ?? []) {
    const type = String(schemaOf(form, 'type').const);
    const { type: _, ...rest } = form.properties ?? {};
    const others = { ...form, properties: rest, required: form.required?.filter((key) => key !== 'type') ?? [] };
    yield [
      `registries.${type}`,
      others,
      type,
      (value) => ({
        ...known,
        registries: { ...FILE, r: { type, ...(value as object) } },
        services: { book: { registry: 'f' } },
      }),
    ];
  }
}

for (const [where, node, key, around] of places()) {
  test(`what is shown of a config is the same config, whatever the value of ${where}`, (t) => {
    let loaded = 0;
    let different = 0;
    fc.assert(
      fc.property(valuesOf(node, key), (value) => {
        const result = loadText(JSON.stringify(around(value)));
        if (result.kind === 'problems') return;
        loaded++;
        const shown = comparable(shownAgain(result.config));
        deepStrictEqual(shown, comparable(result.config));
        if (JSON.stringify(value) !== JSON.stringify(node.default)) different++;
      }),
      { numRuns: where.startsWith('registries.') ? 150 : 20, seed: 1 },
    );
    t.true(loaded >= 3, `only ${loaded} values make a config: give ${key} better ones in schema_values.ts`);
    t.true(different > 0 || where === 'registries.static');
  });
}
