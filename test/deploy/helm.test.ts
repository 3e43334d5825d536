import { spawnSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { sidecarContainer } from '../../src/cli/inject/container.ts';
import { PATIENCE_MS } from '../support/process.ts';
import { serialTestWith } from '../support/requires.ts';
import { temporaryDirectory } from '../support/sidecar.ts';
import { apiProblems } from './api_types.ts';
import { configIn, deployed, type Manifest, manifestsOf } from './manifest.ts';

const CHART = new URL('../../deploy/helm/outrigger/', import.meta.url).pathname;
const [values] = manifestsOf(deployed('helm/outrigger/values.yaml'));
const [chart] = manifestsOf(deployed('helm/outrigger/Chart.yaml'));
const schema = JSON.parse(deployed('helm/outrigger/values.schema.json')) as Schema;

/** As much of JSON Schema as the chart uses. */
interface Schema {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly minLength?: number;
  readonly minProperties?: number;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
}

const KNOWN = [
  '$schema',
  'type',
  'enum',
  'pattern',
  'minLength',
  'minProperties',
  'required',
  'properties',
  'additionalProperties',
  'items',
];

/** Where a value is not as the schema says. */
function violations(value: Manifest, node: Schema, path = ''): string[] {
  for (const key of Object.keys(node)) if (!KNOWN.includes(key)) return [`${path}: this check does not know ${key}`];
  const type = Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value;
  if (node.type !== undefined && type !== node.type) return [`${path}: ${type}`];
  const here: string[] = [];
  if (node.enum && !node.enum.includes(value)) here.push(`${path}: not one of them`);
  if (node.pattern !== undefined && !new RegExp(node.pattern).test(value)) here.push(`${path}: pattern`);
  if (type === 'string' && value.length < (node.minLength ?? 0)) here.push(`${path}: empty`);
  if (type === 'array') {
    return value.flatMap((entry: Manifest, index: number) => violations(entry, node.items ?? {}, `${path}[${index}]`));
  }
  if (type !== 'object') return here;
  if (Object.keys(value).length < (node.minProperties ?? 0)) here.push(`${path}: empty`);
  for (const key of node.required ?? []) if (!Object.hasOwn(value, key)) here.push(`${path}.${key}: missing`);
  for (const [key, inner] of Object.entries(value)) {
    const known = node.properties?.[key] ?? node.additionalProperties ?? true;
    if (known === false) here.push(`${path}.${key}: unknown`);
    else if (known !== true) here.push(...violations(inner, known, `${path}.${key}`));
  }
  return here;
}

test("the chart's values are what their schema says", (t) => {
  t.deepEqual(violations(values, schema), []);
});

test('the schema rejects what is misspelt or of another type', (t) => {
  t.deepEqual(violations({ ...values, podmonitor: {} }, schema), ['.podmonitor: unknown']);
  t.deepEqual(violations({ ...values, rbac: { ...values.rbac, create: 'yes' } }, schema), ['.rbac.create: string']);
  t.deepEqual(violations({ ...values, config: {} }, schema), ['.config.registries: missing']);
});

test('every value that a template uses exists, every value is used, and what is opened is closed', (t) => {
  const used = new Set<string>();
  for (const file of readdirSync(join(CHART, 'templates'))) {
    const text = deployed(`helm/outrigger/templates/${file}`);
    for (const [, path = ''] of text.matchAll(/\.Values\.([\w.]+)/g)) {
      used.add(path.split('.')[0] ?? '');
      const found = path.split('.').reduce((value, key) => value?.[key], values as Manifest);
      t.not(found, undefined, `${file}: .Values.${path}`);
    }
    const opened = [...text.matchAll(/\{\{-? (?:if|range|define|with) /g)].length;
    t.is([...text.matchAll(/\{\{-? end -?\}\}/g)].length, opened, file);
  }
  t.deepEqual([...used].sort(), Object.keys(values).sort());
});

test('the chart is of this version of the program', (t) => {
  const { version } = JSON.parse(deployed('../package.json')) as { version: string };
  t.deepEqual(
    [chart.apiVersion, chart.name, String(chart.version), String(chart.appVersion)],
    ['v2', 'outrigger', version, version],
  );
});

/** The chart's objects, by the file of their template. */
function render(changed: Manifest): Map<string, Manifest[]> {
  const file = join(temporaryDirectory(), 'values.json');
  writeFileSync(file, JSON.stringify({ ...values, ...changed }));
  const program = new URL('helm/render.go', import.meta.url).pathname;
  const options = { encoding: 'utf8' as const, timeout: 6 * PATIENCE_MS, env: { ...process.env, GO111MODULE: 'off' } };
  const { status, stdout, stderr } = spawnSync('go', ['run', program, CHART, file], options);
  if (status !== 0) throw new Error(`go run: ${stderr}`);
  const parts = stdout.split(/^---\n# /m).slice(1);
  return new Map(parts.map((part) => [part.slice(0, part.indexOf('\n')), manifestsOf(part.slice(part.indexOf('\n')))]));
}

serialTestWith('go')(
  'Go\'s template engine renders the chart: the sidecar of "outrigger inject", and all that is switched on',
  async (t) => {
    const on = Object.fromEntries(
      Object.entries(values as Record<string, Manifest>)
        .filter(([, value]) => Object.hasOwn(value, 'create'))
        .map(([key, value]) => [key, { ...value, create: true }]),
    );
    const rendered = render({ ...on, rbac: { create: true, serviceAccount: 'app', namespaces: ['a', 'b'] } });
    const [[container]] = rendered.get('outrigger.container') as [[Manifest]];
    const { imagePullPolicy, ...rest } = container;
    t.is(imagePullPolicy, 'IfNotPresent');
    t.deepEqual(rest, sidecarContainer({ image: 'outrigger:0.1.0', configMap: 'outrigger', args: [], mode: 'native' }));
    const [configMap] = rendered.get('configmap.yaml') ?? [];
    t.is(configIn(configMap).discover?.path, '/services/{service}/');
    t.deepEqual(rendered.get('outrigger.volume'), [
      [{ name: 'outrigger', configMap: { name: configMap.metadata.name } }],
    ]);
    const objects = [...rendered].filter(([name]) => name.endsWith('.yaml')).flatMap(([, found]) => found);
    t.deepEqual(await apiProblems(objects), []);
    t.deepEqual(objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace}`).sort(), [
      'ConfigMap shop',
      'NetworkPolicy shop',
      'PodMonitor shop',
      'PrometheusRule shop',
      'Role a',
      'Role b',
      'RoleBinding a',
      'RoleBinding b',
    ]);
    const rule = objects.find(({ kind }) => kind === 'PrometheusRule');
    t.deepEqual(rule.spec, manifestsOf(deployed('prometheus/rules.yaml'))[0]);
  },
);

serialTestWith('go')('what is switched off is not there', (t) => {
  const rendered = render({ configMap: { ...values.configMap, create: false } });
  const objects = [...rendered].filter(([name]) => name.endsWith('.yaml')).flatMap(([, found]) => found);
  t.deepEqual(objects, []);
});
