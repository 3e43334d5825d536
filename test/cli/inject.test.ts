import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { parseAllDocuments } from 'yaml';
import { parseCommandLine } from '../../src/cli/args.ts';
import type { InjectOptions } from '../../src/cli/inject/container.ts';
import { injectManifests } from '../../src/cli/inject/manifest.ts';
import { type InjectCommand, runInject } from '../../src/cli/inject.ts';
import { MAIN, temporaryDirectory } from '../support/sidecar.ts';

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

for (const [empty, text] of Object.entries({
  'annotations:': DEPLOYMENT.replace('      labels: { app: book }', '      annotations:'),
  'metadata:': DEPLOYMENT.replace('    metadata:\n      labels: { app: book }', '    metadata:'),
  'metadata: null': DEPLOYMENT.replace('    metadata:\n      labels: { app: book }', '    metadata: null'),
  'annotations: with a comment': DEPLOYMENT.replace('      labels: { app: book }', '      annotations: # none yet'),
})) {
  test(`a pod with an empty "${empty}" gets its annotation, and twice is as once`, (t) => {
    const once = inject(text);
    t.deepEqual(once.objects[0].spec.template.metadata, { annotations: { 'outrigger/injected': 'native' } });
    t.is(once.text.includes('# none yet'), text.includes('# none yet'));
    t.is(inject(once.text).text, once.text);
  });
}

for (const [wrong, text] of Object.entries({
  'metadata: 3': DEPLOYMENT.replace('metadata:\n      labels: { app: book }', 'metadata: 3'),
  'annotations: [a]': DEPLOYMENT.replace('labels: { app: book }', 'annotations: [a]'),
  'initContainers: none': DEPLOYMENT.replace('      containers:', '      initContainers: none\n      containers:'),
})) {
  test(`what cannot be a pod's is said with the name of the document: ${wrong}`, (t) => {
    const result = injectManifests(`kind: Service\n---\n${text}`, OPTIONS);
    t.is(result.kind, 'wrong');
    t.regex((result as { message: string }).message, /^Deployment\/book: /);
  });
}

test('lists that stand in the column of their key stay there', (t) => {
  const flat = `kind: Deployment
metadata:
  name: book
spec:
  template:
    spec:
      containers:
      - name: app
        args:
        - run
`;
  const { text } = inject(flat);
  t.true(text.startsWith(flat), text);
  t.true(text.includes('\n      initContainers:\n      - name: outrigger\n'));
  t.is(inject(text).text, text);
  t.true(inject(DEPLOYMENT).text.includes('      initContainers:\n        - name: outrigger\n'));
  // Each document as it is.
  t.true(inject(`${flat}---\n${DEPLOYMENT}`).text.endsWith(inject(DEPLOYMENT).text));
});

test('a comment stays above the init container that it is about, and one above the sidecar above that', (t) => {
  const before = DEPLOYMENT.replace(
    '      containers:',
    `      # what runs first
      initContainers:
        # makes the tables
        - name: migrate
      containers:`,
  );
  const once = inject(before);
  const order = ['# what runs first', 'initContainers:', '- name: outrigger', '# makes the tables', '- name: migrate'];
  const places = order.map((part) => once.text.indexOf(part));
  t.deepEqual(
    places,
    places.toSorted((a, b) => a - b),
    once.text,
  );
  t.false(places.includes(-1));
  t.is(inject(once.text).text, once.text);
  t.is(inject(once.text, null).text, before);
  const commented = once.text.replace('        - name: outrigger', '        # ours\n        - name: outrigger');
  const other = inject(commented, { ...OPTIONS, image: 'outrigger:2' }).text;
  t.true(other.includes('# ours\n        - name: outrigger\n          image: outrigger:2'), other);
  t.is(inject(commented, null).text, before);
});

test('the sidecar has its own user, so that a pod of root takes it, too', (t) => {
  const text = DEPLOYMENT.replace('      containers:', '      securityContext: { runAsUser: 0 }\n      containers:');
  const [sidecar] = inject(text).objects[0].spec.template.spec.initContainers;
  t.like(sidecar.securityContext, { runAsNonRoot: true, runAsUser: 1000, runAsGroup: 1000 });
});

function recorded() {
  const told = { out: '', err: '' };
  const add = (stream: 'out' | 'err') => (text: string) => {
    told[stream] += text;
  };
  return { told, output: { out: add('out'), err: add('err'), color: false } };
}

for (const [argv, problem] of [
  [['--etcd', 'http://etcd:2379', '--consul', 'http://consul:8500'], /--consul: cannot be combined with --etcd/],
  [['--path', '/services/{service}/'], /--path: needs --etcd, --consul or --file/],
  [['--etcd', 'notaurl'], /--etcd: .*notaurl/],
] as const) {
  test(`flags that "outrigger check" refuses are refused, with its words: ${argv.join(' ')}`, async (t) => {
    const { told, output } = recorded();
    const command = parseCommandLine(['inject', '-f', '/nowhere.yaml', ...argv], {}, '/');
    t.is(await runInject(command as InjectCommand, output), 2);
    t.is(told.out, '');
    t.regex(told.err, problem);
  });
}

test('a directory is refused with a command that takes all of its files, whatever they begin with', async (t) => {
  const directory = temporaryDirectory();
  const { told, output } = recorded();
  const command = parseCommandLine(['inject', '-f', directory], {}, '/');
  t.is(await runInject(command as InjectCommand, output), 1);
  const line = /hint: .*: (for f .*)\n/.exec(told.err)?.[1] ?? '';
  writeFileSync(join(directory, 'a.yaml'), DEPLOYMENT);
  writeFileSync(join(directory, 'b.yaml'), DEPLOYMENT);
  const script = `outrigger() { "${process.execPath}" "${MAIN}" "$@"; }\n${line}`;
  const { stdout, status, stderr } = spawnSync('bash', ['-c', script], { cwd: directory, encoding: 'utf8' });
  t.is(status, 0, stderr);
  const documents = parseAllDocuments(stdout).map((document) => document.toJS());
  t.is(documents.filter((object) => object?.kind === 'Deployment').length, 2);
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
