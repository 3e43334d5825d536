import test from 'ava';
import { parseAllDocuments } from 'yaml';
import type { InjectOptions } from '../../src/cli/inject/container.ts';
import { injectManifests } from '../../src/cli/inject/manifest.ts';

const OPTIONS: InjectOptions = { image: 'outrigger:1', configMap: 'outrigger', args: [], mode: 'native' };

const DEPLOYMENT = `# the book service
apiVersion: apps/v1
kind: Deployment
metadata:
  name: book # its name
spec:
  template:
    metadata:
      labels: { app: book }
    spec:
      containers:
        # the app
        - name: app
          image: book:1
`;

function inject(text: string, options: InjectOptions | null = OPTIONS) {
  const result = injectManifests(text, options);
  if (result.kind === 'wrong') throw new Error(result.message);
  // biome-ignore lint/suspicious/noExplicitAny: manifests are taken as they are
  const objects = parseAllDocuments(result.text).map((document) => document.toJS() as any);
  return { ...result, objects };
}

test('a Deployment gets a native sidecar that starts first, its config, and keeps its comments', (t) => {
  const { text, objects, done } = inject(DEPLOYMENT);
  const { spec, metadata } = objects[0].spec.template;
  t.is(spec.initContainers[0].name, 'outrigger');
  t.is(spec.initContainers[0].restartPolicy, 'Always');
  t.is(spec.initContainers[0].image, 'outrigger:1');
  t.deepEqual(spec.volumes, [{ name: 'outrigger', configMap: { name: 'outrigger' } }]);
  t.is(spec.containers.length, 1);
  t.is(metadata.annotations['outrigger/injected'], 'native');
  for (const comment of ['# the book service', '# its name', '# the app']) t.true(text.includes(comment), comment);
  t.deepEqual(done, [{ what: 'Deployment/book', outcome: 'injected', why: null }]);
});

test('doing it twice changes nothing, with other options it replaces, and taking it out gives the manifest back', (t) => {
  const once = inject(DEPLOYMENT);
  const twice = inject(once.text);
  t.is(twice.text, once.text);
  t.is(twice.done[0]?.outcome, 'unchanged');
  const other = inject(once.text, { ...OPTIONS, image: 'outrigger:2', mode: 'plain' });
  t.is(other.objects[0].spec.template.spec.initContainers, undefined);
  t.deepEqual(
    other.objects[0].spec.template.spec.containers.map(({ name }: { name: string }) => name),
    ['app', 'outrigger'],
  );
  const out = inject(other.text, null);
  t.deepEqual(out.objects, inject(DEPLOYMENT, null).objects);
  t.is(inject(DEPLOYMENT, null).text, DEPLOYMENT);
});

for (const [kind, at] of [
  ['Pod', '{ spec: POD }'],
  ['StatefulSet', '{ spec: { template: { spec: POD } } }'],
  ['DaemonSet', '{ spec: { template: { spec: POD } } }'],
  ['Job', '{ spec: { template: { spec: POD } } }'],
  ['CronJob', '{ spec: { jobTemplate: { spec: { template: { spec: POD } } } } }'],
  ['Rollout', '{ spec: { template: { spec: POD } } }'],
] as const) {
  test(`a ${kind} has its pod found`, (t) => {
    const body = at.slice(1, -1).replace('POD', '{ containers: [ { name: app, image: a } ] }');
    const { text, done } = inject(`{ kind: ${kind}, metadata: { name: x }, ${body} }\n`);
    t.is(done[0]?.outcome, 'injected');
    t.is(inject(text).done[0]?.outcome, 'unchanged');
  });
}

test('several documents are each treated by what they are; those without a pod are passed on', (t) => {
  const service = 'apiVersion: v1\nkind: Service\nmetadata:\n  name: book\n';
  const { objects, done } = inject(`${service}---\n${DEPLOYMENT}---\nkind: List\n`);
  t.deepEqual(objects[0], { apiVersion: 'v1', kind: 'Service', metadata: { name: 'book' } });
  t.deepEqual(
    done.map(({ what, outcome }) => [what, outcome]),
    [
      ['Service/book', 'skipped'],
      ['Deployment/book', 'injected'],
      ['List/?', 'skipped'],
    ],
  );
});

test('documents that need no change are passed on to the letter, and what changes keeps its style', (t) => {
  const config = '# first\nkind: ConfigMap\ndata: {a: b,   c: "d"}\n# its end\n';
  const service = '---\n# another\nkind: Service\nspec: {ports: [{port:   80}]}\n';
  const pod = '---\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers: [{name: x}]\n';
  const { text } = inject(config + pod + service);
  t.true(text.startsWith(config));
  t.true(text.endsWith(service));
  t.true(text.includes('metadata: {name: p'));
  t.true(inject(DEPLOYMENT).text.includes('labels: { app: book }'));
});

test('a pod whose annotation says disabled is left alone', (t) => {
  const text = DEPLOYMENT.replace('labels: { app: book }', 'annotations: { outrigger/inject: disabled }');
  const { done } = inject(text);
  t.regex(done[0]?.why ?? '', /disabled/);
});

test('init containers and volumes that are there stay, and the sidecar is the first', (t) => {
  const text = DEPLOYMENT.replace(
    '      containers:',
    '      initContainers: [ { name: migrate, image: m } ]\n      volumes: [ { name: data, emptyDir: {} } ]\n      containers:',
  );
  const { spec } = inject(text).objects[0].spec.template;
  t.deepEqual(
    spec.initContainers.map(({ name }: { name: string }) => name),
    ['outrigger', 'migrate'],
  );
  t.deepEqual(
    spec.volumes.map(({ name }: { name: string }) => name),
    ['data', 'outrigger'],
  );
});

test('what is no YAML is said to be none, and nothing else happens', (t) => {
  const result = injectManifests('kind: [', OPTIONS);
  t.is(result.kind, 'wrong');
});

test('a plain sidecar lives longer than the app, by a command that old clusters know', (t) => {
  const { spec } = inject(DEPLOYMENT, { ...OPTIONS, mode: 'plain' }).objects[0].spec.template;
  t.deepEqual(spec.containers[1].lifecycle, { preStop: { exec: { command: ['sleep', '5'] } } });
});

for (const kind of ['Job', 'CronJob']) {
  test(`a ${kind} gets no plain sidecar, since it would never be complete, and is told so`, (t) => {
    const pod = 'template: { spec: { containers: [ { name: app, image: a } ] } }';
    const spec = kind === 'Job' ? pod : `jobTemplate: { spec: { ${pod} } }`;
    const text = `{ kind: ${kind}, metadata: { name: x }, spec: { ${spec} } }\n`;
    const { done, text: after } = inject(text, { ...OPTIONS, mode: 'plain' });
    t.is(after, text);
    t.is(done[0]?.outcome, 'skipped');
    t.regex(done[0]?.why ?? '', /native/);
  });
}
