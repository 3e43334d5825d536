import { overrides } from '../src/config/overrides.ts';
import { configJsonSchema } from '../src/config/reference.ts';
import { DURATION_PATTERN } from '../src/config/scalars.ts';

/** As much of JSON Schema as the schema of the config uses. */
interface SchemaNode {
  readonly description?: string;
  readonly default?: unknown;
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: SchemaNode | boolean;
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
  readonly oneOf?: readonly SchemaNode[];
}

const PREFACE = `# Every key of the config

<!-- Made from the schema by "npm run docs": change the descriptions in src/config/schema*.ts. -->

The config is YAML, or JSON. \`outrigger check\` says whether one is right, \`outrigger schema\` prints its JSON Schema for editors, and
[config/outrigger.yaml](../config/outrigger.yaml) shows all keys in their places. Unknown keys are errors.

- A **duration** has one unit: \`250ms\`, \`3s\`, \`5m\`, \`1h\`. A **share** has a percent sign: \`10%\`.
- \`\${NAME}\` is replaced by a variable of the environment, \`\${NAME:-default}\` also when there is none; \`$\${\` is a literal \`\${\`. Within
  \`{ }\` and \`[ ]\` quotes are needed around it.
- Paths of files are relative to the config.
- In the tables \`*\` stands for a name of your own and \`[]\` for an entry of a list. A key without a default may be left out; what that means
  stands beside it.

These variables and flags win over the file, flags over variables:

| key | variable | flag |
| --- | -------- | ---- |
${overrides()
  .map(({ key, variable, flag }) => `| \`${key}\` | \`${variable}\` | \`${flag}\` |`)
  .join('\n')}
`;

/** `docs/configuration.md`: every key of the config with what it takes, its default and its description. */
export function configurationMarkdown(): string {
  const root = configJsonSchema() as SchemaNode;
  const writer = new Reference();
  const sections = Object.entries(root.properties ?? {});
  const plain = sections.filter(([, node]) => keysBelow(node) === 0);
  const text = [PREFACE, '## Single keys', '', ...writer.table(plain.map(([key, node]) => [key, node, false]))];
  for (const [key, node] of sections.filter((section) => !plain.includes(section))) {
    const shown = key === 'discover' ? withoutKeysOf(node, root.properties?.services) : node;
    const more =
      shown === node ? [] : ['Besides those below, every key of a service but `instances`, for all that is found.', ''];
    text.push('', `## \`${key}\``, '', ...about(node), ...more, ...writer.section(key, shown));
  }
  return `${text
    .join('\n')
    .replace(/\n{3,}/g, '\n\n')
    .trim()}\n`;
}

type Row = readonly [path: string, node: SchemaNode, isRequired: boolean];

/** Writes tables, and remembers where keys stood already. */
class Reference {
  /** By the keys of a map, as text: where they are explained. */
  readonly #explained = new Map<string, string>();

  section(key: string, node: SchemaNode): string[] {
    const [inner, prefix] = insideOf(node, key);
    if (inner.oneOf === undefined) return this.table([...this.#rows(inner, prefix)]);
    return inner.oneOf.flatMap((form) => {
      const type = String(form.properties?.type?.const);
      const rows = [...this.#rows(form, '', `registries of type ${type}: `)].filter(([path]) => path !== 'type');
      const keys = rows.length === 0 ? ['No further keys.'] : this.table(rows);
      return [`### \`type: ${type}\``, '', ...keys, ''];
    });
  }

  table(rows: readonly Row[]): string[] {
    return [
      '| key | takes | by default | what it is for |',
      '| --- | ----- | ---------- | -------------- |',
      ...rows.map(([path, node, isRequired]) => {
        const cells = [`\`${path}\``, takes(node), defaultText(node, isRequired), node.description ?? ''];
        return `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
      }),
    ];
  }

  /** The keys of a map, each followed by those below it, unless they were explained before. */
  *#rows(node: SchemaNode, prefix: string, where = ''): Generator<Row> {
    for (const [key, inner] of Object.entries(node.properties ?? {})) {
      const path = prefix === '' ? key : `${prefix}.${key}`;
      const known = this.#knownAs(inner, `${where}${path}`);
      yield [
        path,
        known === null ? inner : { ...inner, description: `${inner.description} Keys as in \`${known}\`.` },
        node.required?.includes(key) ?? false,
      ];
      if (known !== null) continue;
      for (const [form, suffix] of formsOf(inner)) yield* this.#rows(form, path + suffix, where);
    }
  }

  #knownAs(node: SchemaNode, path: string): string | null {
    const forms = formsOf(node).map(([form]) => form);
    if (forms.reduce((sum, form) => sum + keysBelow(form), 0) < 2) return null;
    const identity = JSON.stringify(forms.map((form) => ({ ...form, description: null, default: null })));
    const known = this.#explained.get(identity);
    if (known === undefined) this.#explained.set(identity, path);
    return known ?? null;
  }
}

/** Only the keys that are others, or mean something else, than in `like`. */
function withoutKeysOf(node: SchemaNode, like: SchemaNode = {}): SchemaNode {
  const [form] = formsOf(node)[0] ?? [node];
  const [other] = formsOf(like)[0] ?? [like];
  const own = Object.entries(form.properties ?? {}).filter(
    ([key, inner]) => JSON.stringify(inner) !== JSON.stringify(other.properties?.[key]),
  );
  return { ...node, anyOf: [{ ...form, properties: Object.fromEntries(own) }] };
}

function about(node: SchemaNode): string[] {
  const { description = '' } = node;
  const byDefault = node.default === undefined || isEmptyMap(node.default) ? '' : ` By default ${code(node.default)}.`;
  return [`${description}${byDefault}`, ''];
}

/** The map whose keys are worth a table, and what stands before them. */
function insideOf(node: SchemaNode, key: string): readonly [SchemaNode, string] {
  const [form, suffix] = formsOf(node)[0] ?? [node, ''];
  return [form, suffix === '' || form.oneOf ? '' : `${key}${suffix}`.replace(/^(services|register).*/, '')];
}

/** The maps with fixed keys that a value can be or hold, each with what is added to its path. */
function formsOf(node: SchemaNode): (readonly [SchemaNode, string])[] {
  if (node.properties !== undefined || node.oneOf !== undefined) return [[node, '']];
  const nested = (inner: SchemaNode, suffix: string) =>
    formsOf(inner).map(([form, rest]) => [form, suffix + rest] as const);
  const found = (node.anyOf ?? []).flatMap((form) => nested(form, ''));
  if (node.items) found.push(...nested(node.items, '[]'));
  if (typeof node.additionalProperties === 'object') found.push(...nested(node.additionalProperties, '.*'));
  // One rule or a list of rules: the same keys.
  const seen = new Set<string>();
  return found.filter(([form]) => !seen.has(JSON.stringify(form)) && seen.add(JSON.stringify(form)));
}

function keysBelow(node: SchemaNode): number {
  return formsOf(node).reduce(
    (sum, [form]) => sum + (form.oneOf?.length ?? 0) + Object.keys(form.properties ?? {}).length,
    0,
  );
}

/** What a value may be, in words. */
function takes(node: SchemaNode): string {
  if (node.const !== undefined) return code(node.const);
  if (node.enum) return node.enum.map(code).join(', ');
  if (node.anyOf) return [...new Set(node.anyOf.map(takes))].join(', or ');
  switch (node.type) {
    case 'null':
      return '`null`';
    case 'boolean':
      return '`true` or `false`';
    case 'integer':
      return `whole number from ${node.minimum} to ${node.maximum}`;
    case 'number':
      return node.exclusiveMinimum === undefined
        ? `number from ${node.minimum ?? 0}`
        : `number above ${node.exclusiveMinimum}`;
    case 'array':
      return `list of ${takes(node.items ?? {})}`;
    case 'object':
      return node.properties ? 'map' : `map of names to ${takes(node.additionalProperties as SchemaNode)}`;
    default:
      if (node.pattern === DURATION_PATTERN) return 'duration';
      return node.pattern?.endsWith('%$') ? 'share' : 'text';
  }
}

function defaultText(node: SchemaNode, isRequired: boolean): string {
  if (isRequired) return '**required**';
  return node.default === undefined || isEmptyMap(node.default) ? '' : code(node.default);
}

function isEmptyMap(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length === 0;
}

function code(value: unknown): string {
  return `\`${typeof value === 'string' && value !== '' ? value : JSON.stringify(value)}\``;
}
