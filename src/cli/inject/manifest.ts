import { type Document, isMap, isSeq, parseAllDocuments, type YAMLMap, type YAMLSeq } from 'yaml';
import { type InjectOptions, NAME, sidecarContainer } from './container.ts';

/** Where the pod is in a manifest of each kind. */
const POD_PATHS: Readonly<Record<string, readonly string[]>> = {
  Pod: [],
  Deployment: ['spec', 'template'],
  StatefulSet: ['spec', 'template'],
  DaemonSet: ['spec', 'template'],
  ReplicaSet: ['spec', 'template'],
  Job: ['spec', 'template'],
  Rollout: ['spec', 'template'],
  CronJob: ['spec', 'jobTemplate', 'spec', 'template'],
};

/** They end when all their containers have: a plain sidecar never does. */
const RUN_TO_COMPLETION = new Set(['Job', 'CronJob']);

const ANNOTATION = 'outrigger/injected';
const OPT_OUT = 'outrigger/inject';

/** What was done with one document. */
export interface Injected {
  /** `Deployment/book`; `document 2` for one without a name. */
  readonly what: string;
  readonly outcome: 'injected' | 'removed' | 'unchanged' | 'skipped';
  /** Why it was skipped. */
  readonly why: string | null;
}

/** What became of a file of manifests: its text, or what is wrong with it. */
export type InjectResult =
  | { readonly kind: 'text'; readonly text: string; readonly done: readonly Injected[] }
  | { readonly kind: 'wrong'; readonly message: string; readonly hint: string };

/**
 * Puts the sidecar into every pod of a file of manifests, or takes it out (`options` null). Comments and whatever else stands there are
 * kept; documents that need no change are passed on to the letter.
 */
export function injectManifests(text: string, options: InjectOptions | null): InjectResult {
  const documents = parseAllDocuments(text, { strict: false });
  if (!Array.isArray(documents)) return wrong('the file is empty', 'give it a manifest');
  const broken = documents.flatMap(({ errors }) => errors)[0];
  if (broken !== undefined) {
    return wrong(`the file is no YAML: ${broken.message.split('\n', 1)[0]}`, 'mend it first: nothing was changed');
  }
  const done = documents.map((document, index) => change(document as Document, index, options));
  let from = 0;
  const parts = documents.map((document, index) => {
    const source = text.slice(from, document.range[2]);
    from = document.range[2];
    return isChanged(done[index] as Injected) ? written(document as Document, source) : source;
  });
  return { kind: 'text', text: parts.join('') + text.slice(from), done };
}

function isChanged({ outcome }: Injected): boolean {
  return outcome === 'injected' || outcome === 'removed';
}

/** The document as a text, in the style of its source as far as the library can. */
function written(document: Document, source: string): string {
  return document.toString({ lineWidth: 0, flowCollectionPadding: !/\{\S/.test(source) });
}

function wrong(message: string, hint: string): InjectResult {
  return { kind: 'wrong', message, hint };
}

function change(document: Document, index: number, options: InjectOptions | null): Injected {
  const kind = String(document.get('kind') ?? '');
  const name = document.getIn(['metadata', 'name']) ?? document.getIn(['metadata', 'generateName']);
  const what = kind === '' ? `document ${index + 1}` : `${kind}/${String(name ?? '?')}`;
  const skipped = (why: string): Injected => ({ what, outcome: 'skipped', why });
  const path = Object.hasOwn(POD_PATHS, kind) ? POD_PATHS[kind] : undefined;
  if (path === undefined) return skipped('has no pod');
  const spec = document.getIn([...path, 'spec']);
  if (!isMap(spec) || !isSeq(spec.get('containers'))) return skipped('its pod has no containers');
  if (options !== null && document.getIn([...path, 'metadata', 'annotations', OPT_OUT]) === 'disabled') {
    return skipped(`its annotation ${OPT_OUT} says disabled`);
  }
  if (options?.mode === 'plain' && RUN_TO_COMPLETION.has(kind)) {
    return skipped('a plain sidecar would keep it from ever being complete: use --mode native');
  }
  const before = String(document);
  takeOut(document, spec, path);
  if (options !== null) putIn(document, spec, path, options);
  if (String(document) === before) return { what, outcome: 'unchanged', why: null };
  return { what, outcome: options === null ? 'removed' : 'injected', why: null };
}

function putIn(document: Document, spec: YAMLMap, path: readonly string[], options: InjectOptions): void {
  const container = document.createNode(sidecarContainer(options));
  if (options.mode === 'plain') (spec.get('containers') as YAMLSeq).add(container);
  else {
    const init = spec.get('initContainers');
    // First: other init containers may want to call through it.
    if (isSeq(init)) init.items.unshift(container);
    else spec.set('initContainers', document.createNode([container]));
  }
  if (options.configMap !== null) {
    const volume = document.createNode({ name: NAME, configMap: { name: options.configMap } });
    const volumes = spec.get('volumes');
    if (isSeq(volumes)) volumes.add(volume);
    else spec.set('volumes', document.createNode([volume]));
  }
  document.setIn([...path, 'metadata', 'annotations', ANNOTATION], options.mode);
}

function takeOut(document: Document, spec: YAMLMap, path: readonly string[]): void {
  for (const key of ['initContainers', 'containers', 'volumes']) {
    const list = spec.get(key);
    if (!isSeq(list)) continue;
    list.items = list.items.filter((item) => !(isMap(item) && item.get('name') === NAME));
    if (list.items.length === 0 && key !== 'containers') spec.delete(key);
  }
  const annotations = [...path, 'metadata', 'annotations'];
  if (document.hasIn([...annotations, ANNOTATION])) document.deleteIn([...annotations, ANNOTATION]);
  const left = document.getIn(annotations);
  if (isMap(left) && left.items.length === 0) document.deleteIn(annotations);
  const metadata = document.getIn([...path, 'metadata']);
  if (path.length > 0 && isMap(metadata) && metadata.items.length === 0) document.deleteIn([...path, 'metadata']);
}
