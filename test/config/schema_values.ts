import fc from 'fast-check';
import { configJsonSchema } from '../../src/config/reference.ts';
import { DURATION_PATTERN } from '../../src/config/scalars.ts';

/** As much of JSON Schema as the schema of the config uses. */
export interface SchemaNode {
  readonly description?: string;
  readonly default?: unknown;
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: SchemaNode | boolean;
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
  readonly oneOf?: readonly SchemaNode[];
}

/** What an editor gets: the JSON Schema of the config. */
export const CONFIG_SCHEMA = JSON.parse(JSON.stringify(configJsonSchema())) as SchemaNode;

/** The schema of the value of a key. */
export function schemaOf(node: SchemaNode, key: string): SchemaNode {
  const found = node.properties?.[key];
  if (found === undefined) throw new Error(`the schema has no key ${key}`);
  return found;
}

/** Every key below a node, with its path (`.services.*.retry`) and the schema of its value; forms of one value share their path. */
export function* keysOf(
  node: SchemaNode,
  path = '',
): Generator<readonly [key: string, node: SchemaNode, path: string]> {
  for (const [key, inner] of Object.entries(node.properties ?? {})) {
    yield [key, inner, `${path}.${key}`];
    yield* keysOf(inner, `${path}.${key}`);
  }
  for (const form of [...(node.anyOf ?? []), ...(node.oneOf ?? [])]) yield* keysOf(form, path);
  if (node.items) yield* keysOf(node.items, `${path}[]`);
  if (typeof node.additionalProperties === 'object') yield* keysOf(node.additionalProperties, `${path}.*`);
}

/** Texts that a key takes, where the pattern in the schema does not say enough. */
const TEXTS: Readonly<Record<string, readonly string[]>> = {
  header: ['x-a', 'X-B', 'x-c'],
  label: ['zone', 'stage'],
  match_order: ['zone', 'stage'],
  listen: ['h:4', '[::1]:0', 'unix:/run/o.sock'],
  address: ['http://10.0.0.9:5', '10.0.0.9:5', 'unix:/run/i.sock'],
  admin: ['h:4', 'unix:/run/a.sock'],
  otlp: ['http://h:4318', 'https://i/v1/traces'],
  admin_grpc: ['h:4', 'unix:/run/a.sock'],
  telemetry: ['h:4', '[::]:0'],
  forward: ['h:4', 'unix:/run/app.sock'],
  endpoints: ['http://h:1', 'http://i', 'http://me:secret@j:2'],
  urls: ['http://h:1/eureka', 'https://i/eureka/v2/'],
  servers: ['127.0.0.1:53', '10.0.0.2:5', '10.0.0.3:5/team'],
  service: ['book'],
  default_service: ['book'],
  registry: ['f'],
  methods: ['/a.A/Get', '/b.B/'],
  needs: ['book', 'v2'],
};

/** Values that a schema allows, not too large; most of them also go together. `key`: the one that they stand under. */
export function valuesOf(node: SchemaNode, key: string): fc.Arbitrary<unknown> {
  if (node.const !== undefined) return fc.constant(node.const);
  if (node.enum) return fc.constantFrom(...node.enum);
  const forms = node.anyOf ?? node.oneOf;
  if (forms) return fc.oneof(...forms.map((form) => valuesOf(form, key)));
  const { minimum = 0 } = node;
  switch (node.type) {
    case 'null':
      return fc.constant(null);
    case 'boolean':
      return fc.boolean();
    case 'integer':
      return fc.integer({ min: minimum, max: Math.min(node.maximum ?? 1_000, minimum + 1_000) });
    case 'number':
      return fc.double({ min: minimum, max: 100, noNaN: true });
    case 'array':
      return fc.uniqueArray(valuesOf(node.items ?? {}, key), { minLength: node.minItems ?? 0, maxLength: 3 });
    case 'object':
      return objectsOf(node, key);
    default:
      return textsOf(node, key);
  }
}

function objectsOf(
  { properties, required = [], additionalProperties }: SchemaNode,
  key: string,
): fc.Arbitrary<unknown> {
  if (properties === undefined) {
    const value = typeof additionalProperties === 'object' ? additionalProperties : {};
    return fc.dictionary(fc.constantFrom(...(TEXTS[key] ?? ['a', 'b'])), valuesOf(value, key), { maxKeys: 3 });
  }
  const values = Object.entries(properties).map(([name, inner]) => [name, valuesOf(inner, name)] as const);
  return fc.record(Object.fromEntries(values), { requiredKeys: [...required] });
}

function textsOf({ pattern }: SchemaNode, key: string): fc.Arbitrary<string> {
  if (pattern === DURATION_PATTERN) {
    return fc.oneof(
      fc.integer({ min: 1, max: 999 }).map((ms) => `${ms}ms`),
      fc.integer({ min: 1, max: 600 }).map((seconds) => `${seconds}s`),
      fc.constantFrom('1.5s', '2m', '1h'),
    );
  }
  if (pattern?.endsWith('%$')) {
    return fc.oneof(
      fc.integer({ min: 0, max: 100 }).map((share) => `${share}%`),
      fc.constantFrom('0.07%', '33.3%'),
    );
  }
  const texts = TEXTS[key];
  if (texts) return fc.constantFrom(...texts);
  return pattern === undefined
    ? fc.constantFrom('v1', 'v2', 'v3')
    : fc.stringMatching(new RegExp(pattern), { maxLength: 9 });
}
