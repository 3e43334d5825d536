import { spawnSync } from 'node:child_process';
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PATIENCE_MS } from '../support/process.ts';
import { temporaryDirectory } from '../support/sidecar.ts';
import type { Manifest } from './manifest.ts';

const MODULES = new URL('../../node_modules', import.meta.url).pathname;
const TSC = join(MODULES, '.bin', 'tsc');
const FLAGS = ['--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext', '--types', ''];

/** The kinds of each API version that `deploy/` uses. */
const KINDS: Readonly<Record<string, () => Promise<object>>> = {
  v1: () => import('kubernetes-models/v1'),
  'apps/v1': () => import('kubernetes-models/apps/v1'),
  'batch/v1': () => import('kubernetes-models/batch/v1'),
  'networking.k8s.io/v1': () => import('kubernetes-models/networking.k8s.io/v1'),
  'rbac.authorization.k8s.io/v1': () => import('kubernetes-models/rbac.authorization.k8s.io/v1'),
  'monitoring.coreos.com/v1': () => import('@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1'),
};

/** The package that has the kinds of an API version. */
function moduleOf(apiVersion: string): string {
  return apiVersion.startsWith('monitoring.coreos.com/')
    ? `@kubernetes-models/prometheus-operator/${apiVersion}`
    : `kubernetes-models/${apiVersion}`;
}

/**
 * What an API server would refuse, or drop without a word, by the schemas that Kubernetes and the Prometheus operator publish: the packages
 * have them as validators, for values, and as types, which know what fields there are.
 */
export async function apiProblems(objects: readonly Manifest[]): Promise<string[]> {
  const values = await Promise.all(objects.map(valueProblems));
  return [...values.flat(), ...fieldProblems(objects)];
}

type Kind = new (object: Manifest) => { validate(): void };

async function valueProblems(object: Manifest): Promise<string[]> {
  const name = `${object.kind}/${object.metadata?.name}`;
  const kinds = ((await KINDS[object.apiVersion]?.()) ?? {}) as Readonly<Record<string, Kind | undefined>>;
  const kind = kinds[object.kind];
  if (kind === undefined) return [`${name}: there is no such kind in ${object.apiVersion}`];
  try {
    new kind(object).validate();
    return [];
  } catch (error) {
    return [`${name}: ${(error as Error).message}`];
  }
}

/** Fields that do not exist, or are missing: a compiler finds both in a literal of the type. */
function fieldProblems(objects: readonly Manifest[]): string[] {
  const directory = temporaryDirectory();
  symlinkSync(MODULES, join(directory, 'node_modules'));
  const lines = objects.flatMap(({ apiVersion, kind }, index) => [
    `import type { I${kind} as Kind${index} } from '${moduleOf(apiVersion)}';`,
    `export const object${index}: Kind${index} = ${JSON.stringify(objects[index], null, 1)};`,
  ]);
  const file = join(directory, 'manifests.mts');
  writeFileSync(file, lines.join('\n'));
  // Away from the project, whose own configuration would be read.
  const options = { cwd: directory, encoding: 'utf8' as const, timeout: PATIENCE_MS };
  const { status, stdout, stderr } = spawnSync(TSC, [...FLAGS, file], options);
  if (status === 0) return [];
  const told = stdout.split('\n').filter((line) => line.includes('error'));
  return told.length > 0 ? told : [`the compiler failed: ${stdout}${stderr}`];
}
