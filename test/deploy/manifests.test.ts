import { readFileSync } from 'node:fs';
import test from 'ava';
import { parseAllDocuments } from 'yaml';
import { loadConfig } from '../../src/config/load.ts';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

// biome-ignore lint/suspicious/noExplicitAny: manifests are taken as they are
const [configMap, deployment] = parseAllDocuments(read('deploy/kubernetes/sidecar.yaml')).map((d) => d.toJS() as any);
const sidecar = deployment.spec.template.spec.initContainers[0];

function manifestConfig() {
  const text: string = configMap.data['outrigger.yaml'];
  const loaded = loadConfig({
    file: { name: 'outrigger.yaml', text, directory: '/etc/outrigger' },
    flags: {},
    env: {},
    cwd: '/',
  });
  if (loaded.kind !== 'config') throw new Error(JSON.stringify(loaded.problems));
  return loaded.config;
}

test('the config in the Kubernetes manifest is one that the program loads', (t) => {
  t.is(manifestConfig().registries.get('main')?.type, 'etcd');
});

test('the probes of the manifest ask the telemetry port for paths that it has', (t) => {
  const port = Number(manifestConfig().telemetry.split(':').at(-1));
  t.is(sidecar.ports.find(({ name }: { name: string }) => name === 'telemetry').containerPort, port);
  t.deepEqual(sidecar.startupProbe.httpGet, { path: '/ready', port: 'telemetry' });
  t.deepEqual(sidecar.livenessProbe.httpGet, { path: '/live', port: 'telemetry' });
});

test('the sidecar is a native one, cannot gain privileges, and is given longer than it needs to drain', (t) => {
  t.is(sidecar.restartPolicy, 'Always');
  t.is(sidecar.securityContext.runAsNonRoot, true);
  t.is(sidecar.securityContext.allowPrivilegeEscalation, false);
  t.true(deployment.spec.template.spec.terminationGracePeriodSeconds * 1000 > manifestConfig().drainGraceMs);
});

test('the image copies what the build needs, runs as a user with a number, and starts what the package calls its program', (t) => {
  const dockerfile = read('deploy/docker/Dockerfile');
  const manifest = JSON.parse(read('package.json')) as { bin: { outrigger: string }; scripts: { build: string } };
  t.true(dockerfile.includes(`ENTRYPOINT ["node", "${manifest.bin.outrigger}"]`));
  t.regex(dockerfile, /^USER \d+:\d+$/m);
  t.true(manifest.scripts.build.includes('.ci/tsconfig.build.json') && dockerfile.includes('.ci/tsconfig.build.json'));
});

test('the manifest of rights grants what the kubernetes registry asks for, and no more', (t) => {
  // biome-ignore lint/suspicious/noExplicitAny: manifests are taken as they are
  const [role, binding] = parseAllDocuments(read('deploy/kubernetes/rbac.yaml')).map((d) => d.toJS() as any);
  t.deepEqual(role.rules, [
    { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['get', 'list', 'watch'] },
  ]);
  t.deepEqual([binding.roleRef.kind, binding.roleRef.name], [role.kind, role.metadata.name]);
  t.is(binding.metadata.namespace, role.metadata.namespace);
});
