import { readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';
import type { Config } from '../../src/config/config.ts';
import { configOf, loadText } from '../config/load_text.ts';

// biome-ignore lint/suspicious/noExplicitAny: manifests are taken as they are
export type Manifest = any;

/** A file of `deploy/` as text. */
export function deployed(path: string): string {
  return readFileSync(new URL(`../../deploy/${path}`, import.meta.url), 'utf8');
}

/** The objects of a text of manifests; throws when it is no YAML, or a key stands there twice. */
export function manifestsOf(text: string): Manifest[] {
  return parseAllDocuments(text, { merge: true })
    .map((document) => {
      const [problem] = [...document.errors, ...document.warnings];
      if (problem !== undefined) throw problem;
      return document.toJS() as Manifest;
    })
    .filter((object) => object !== null);
}

/** The config in a ConfigMap, as the program loads it. */
export function configIn(configMap: Manifest): Config {
  return configOf(loadText(configMap.data['outrigger.yaml']));
}

/** Where the fields are that the API server insists on; `*` is every entry of a list. */
const REQUIRED: Readonly<Record<string, readonly [apiVersion: string, ...paths: string[]]>> = {
  ConfigMap: ['v1', 'data'],
  Deployment: [
    'apps/v1',
    'spec.selector.matchLabels',
    'spec.template.metadata.labels',
    'spec.template.spec.containers.*.image',
  ],
  Role: ['rbac.authorization.k8s.io/v1', 'rules.*.apiGroups', 'rules.*.resources', 'rules.*.verbs'],
  RoleBinding: ['rbac.authorization.k8s.io/v1', 'roleRef.apiGroup', 'roleRef.kind', 'roleRef.name', 'subjects.*.name'],
  NetworkPolicy: [
    'networking.k8s.io/v1',
    'spec.podSelector',
    'spec.policyTypes',
    'spec.ingress.*.ports',
    'spec.egress.*.to',
  ],
  PodMonitor: ['monitoring.coreos.com/v1', 'spec.selector', 'spec.podMetricsEndpoints.*.port'],
  PrometheusRule: ['monitoring.coreos.com/v1', 'spec.groups.*.name', 'spec.groups.*.rules'],
};

/** What is missing of an object of a kind that `deploy/` uses. */
export function missingIn(object: Manifest): string[] {
  const required = REQUIRED[object.kind];
  if (required === undefined) return [`unknown kind ${object.kind}`];
  const [apiVersion, ...paths] = required;
  const missing = object.apiVersion === apiVersion ? [] : [`apiVersion ${apiVersion}`];
  return [...missing, ...['metadata.name', ...paths].filter((path) => !isThere(object, path.split('.')))];
}

function isThere(value: Manifest, [key, ...rest]: readonly string[]): boolean {
  if (value === undefined || value === null) return false;
  if (key === undefined) return true;
  if (key === '*') return Array.isArray(value) && value.length > 0 && value.every((entry) => isThere(entry, rest));
  return typeof value === 'object' && isThere(value[key], rest);
}
