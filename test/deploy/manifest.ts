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
