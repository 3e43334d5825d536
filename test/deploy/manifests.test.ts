import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import test from 'ava';
import { parse } from 'yaml';
import type { InjectOptions } from '../../src/cli/inject/container.ts';
import { sidecarContainer } from '../../src/cli/inject/container.ts';
import { injectManifests } from '../../src/cli/inject/manifest.ts';
import { serialTestWith } from '../support/requires.ts';
import { apiProblems } from './api_types.ts';
import { configIn, deployed, type Manifest, manifestsOf } from './manifest.ts';

const IMAGE = 'outrigger:0.1.0';
const OPTIONS: InjectOptions = { image: IMAGE, configMap: 'outrigger', args: [], mode: 'native' };

for (const file of ['sidecar', 'plain', 'rbac', 'network-policy', 'monitoring']) {
  test(`kubernetes/${file}.yaml: every object is as the API has it`, async (t) => {
    const objects = manifestsOf(deployed(`kubernetes/${file}.yaml`));
    t.true(objects.length > 0);
    t.deepEqual(await apiProblems(objects), []);
  });
}

test('every kind of workload is as the API has it after "outrigger inject"', async (t) => {
  const template = { metadata: { labels: { app: 'a' } }, spec: { containers: [{ name: 'app', image: 'app' }] } };
  const once = { ...template, spec: { ...template.spec, restartPolicy: 'Never' } };
  const selected = { selector: { matchLabels: { app: 'a' } }, template };
  const metadata = { name: 'a' };
  const workloads = [
    { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: selected },
    { apiVersion: 'apps/v1', kind: 'StatefulSet', metadata, spec: { serviceName: 'a', ...selected } },
    { apiVersion: 'apps/v1', kind: 'DaemonSet', metadata, spec: selected },
    { apiVersion: 'batch/v1', kind: 'Job', metadata, spec: { template: once } },
    {
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      metadata,
      spec: { schedule: '@daily', jobTemplate: { spec: { template: once } } },
    },
    { apiVersion: 'v1', kind: 'Pod', metadata, spec: template.spec },
  ];
  const text = workloads.map((workload) => JSON.stringify(workload)).join('\n---\n');
  for (const mode of ['native', 'plain'] as const) {
    const injected = injectManifests(text, { ...OPTIONS, mode });
    if (injected.kind === 'wrong') throw new Error(injected.message);
    const objects = manifestsOf(injected.text);
    // A plain sidecar is not put into what ends.
    t.is(JSON.stringify(objects).split(IMAGE).length - 1, workloads.length - (mode === 'plain' ? 2 : 0));
    t.deepEqual(await apiProblems(objects), []);
  }
});

for (const mode of ['native', 'plain'] as const) {
  const file = mode === 'native' ? 'sidecar' : 'plain';
  const [configMap, deployment] = manifestsOf(deployed(`kubernetes/${file}.yaml`));
  const pod = deployment.spec.template.spec;
  const sidecar = (mode === 'native' ? pod.initContainers[0] : pod.containers[1]) as Manifest;

  test(`kubernetes/${file}.yaml: the sidecar is what "outrigger inject --mode ${mode}" adds`, (t) => {
    t.deepEqual(sidecar, sidecarContainer({ ...OPTIONS, mode }));
    t.deepEqual(pod.volumes, [{ name: 'outrigger', configMap: { name: configMap.metadata.name } }]);
  });

  test(`kubernetes/${file}.yaml: the program loads its config, and listens where the manifest says`, (t) => {
    const config = configIn(configMap);
    t.is(config.registries.get('main')?.type, 'etcd');
    t.is(sidecar.ports[0].containerPort, Number(config.telemetry.split(':').at(-1)));
    const address = pod.containers[0].env.find(({ name }: { name: string }) => name === 'OUTRIGGER_ADDRESS').value;
    t.is(address.split(':')[1], '15001');
    t.true(JSON.stringify(config.listen).includes(':15001'));
    t.true(pod.terminationGracePeriodSeconds * 1000 > config.drainGraceMs);
  });
}

test('the rights are what the kubernetes registry asks for, and no more', (t) => {
  const [role, binding] = manifestsOf(deployed('kubernetes/rbac.yaml'));
  t.deepEqual(role.rules, [
    { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['get', 'list', 'watch'] },
  ]);
  t.deepEqual([binding.roleRef.kind, binding.roleRef.name], [role.kind, role.metadata.name]);
  t.is(binding.metadata.namespace, role.metadata.namespace);
});

test('scrapers and the network policy mean the port that the sidecar has', (t) => {
  const { ports } = sidecarContainer(OPTIONS) as { ports: { name: string; containerPort: number }[] };
  const [monitor] = manifestsOf(deployed('kubernetes/monitoring.yaml'));
  t.deepEqual(monitor.spec.podMetricsEndpoints, [{ port: ports[0]?.name, path: '/metrics' }]);
  const [policy] = manifestsOf(deployed('kubernetes/network-policy.yaml'));
  t.deepEqual(policy.spec.ingress[0].ports, [{ port: ports[0]?.containerPort, protocol: 'TCP' }]);
});

test('the kustomize patch adds what "outrigger inject" adds', (t) => {
  const [patch] = manifestsOf(deployed('kustomize/sidecar-patch.yaml'));
  const bare = { ...patch, spec: { template: { spec: { containers: [{ name: 'app', image: 'app' }] } } } };
  const injected = injectManifests(JSON.stringify(bare), { ...OPTIONS, image: 'outrigger' });
  if (injected.kind === 'wrong') throw new Error(injected.message);
  const [expected] = manifestsOf(injected.text);
  delete expected.spec.template.spec.containers;
  t.deepEqual(patch, expected);
});

test('the kustomize component applies the patch to what has such pods, and gives the image its version', (t) => {
  const [component] = manifestsOf(deployed('kustomize/kustomization.yaml'));
  t.deepEqual([component.apiVersion, component.kind], ['kustomize.config.k8s.io/v1alpha1', 'Component']);
  for (const { path } of component.patches) t.notThrows(() => deployed(`kustomize/${path}`));
  t.deepEqual(
    component.patches.map(({ target }: Manifest) => target.kind),
    ['Deployment', 'StatefulSet'],
  );
  const [{ name, newTag }] = component.images;
  t.is(`${name}:${newTag}`, IMAGE);
});

serialTestWith('kubectl')('kustomize puts the sidecar into the Deployments of whoever lists the component', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'outrigger-kustomize-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const component = new URL('../../deploy/kustomize', import.meta.url).pathname;
  mkdirSync(join(directory, 'app'));
  const app = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'book' },
    spec: { template: { spec: { containers: [{ name: 'app', image: 'book:1' }] } } },
  };
  writeFileSync(join(directory, 'app', 'deployment.yaml'), JSON.stringify(app));
  const kustomization = { resources: ['deployment.yaml'], components: [relative(join(directory, 'app'), component)] };
  writeFileSync(join(directory, 'app', 'kustomization.yaml'), JSON.stringify(kustomization));
  const built = (): Manifest => {
    const { status, stdout, stderr } = spawnSync('kubectl', ['kustomize', join(directory, 'app')], {
      encoding: 'utf8',
      timeout: 60_000,
    });
    t.is(status, 0, stderr);
    return manifestsOf(stdout)[0];
  };
  const deployment = built();
  t.is(deployment.metadata.name, 'book');
  const { initContainers, containers } = deployment.spec.template.spec;
  t.deepEqual(containers, app.spec.template.spec.containers);
  t.deepEqual(initContainers, [sidecarContainer(OPTIONS)]);
  // As docs/how-to/kubernetes.md says: the registry that the image was pushed to.
  const guide = readFileSync(new URL('../../docs/how-to/kubernetes.md', import.meta.url), 'utf8');
  const { images } = parse(/^# kustomization\.yaml\n([\s\S]*?)^```/m.exec(guide)?.[1] ?? '');
  writeFileSync(join(directory, 'app', 'kustomization.yaml'), JSON.stringify({ ...kustomization, images }));
  t.is(built().spec.template.spec.initContainers[0].image, 'REGISTRY/outrigger:0.1.0');
});
