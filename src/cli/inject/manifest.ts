import { type Document, isMap, isNode, isScalar, isSeq, parseAllDocuments, visit, YAMLMap, type YAMLSeq } from 'yaml';
import { describeError } from '../../base/errors.ts';
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
  const flat = documents.map((document) => hasFlatLists(document as Document, text));
  const done: Injected[] = [];
  for (const [index, document] of documents.entries()) {
    const what = nameOf(document as Document, index);
    try {
      done.push(change(document as Document, what, options));
    } catch (error) {
      return wrong(`${what}: ${describeError(error)}`, 'mend it first: nothing was changed');
    }
  }
  let from = 0;
  const parts = documents.map((document, index) => {
    const source = text.slice(from, document.range[2]);
    from = document.range[2];
    return isChanged(done[index] as Injected) ? written(document as Document, source, flat[index] as boolean) : source;
  });
  return { kind: 'text', text: parts.join('') + text.slice(from), done };
}

function isChanged({ outcome }: Injected): boolean {
  return outcome === 'injected' || outcome === 'removed';
}

/** The document as a text, in the style of its source as far as the library can. */
function written(document: Document, source: string, flat: boolean): string {
  return document.toString({ lineWidth: 0, indentSeq: !flat, flowCollectionPadding: !/\{\S/.test(source) });
}

/** Whether most lists of the source begin in the column of their key, and not further to the right. */
function hasFlatLists(document: Document, text: string): boolean {
  const column = (at: number): number => at - text.lastIndexOf('\n', at - 1);
  let flat = 0;
  visit(document, {
    Pair(_, { key, value }) {
      if (!isScalar(key) || !isSeq(value) || value.flow || !key.range || !value.range) return;
      flat += column(value.range[0]) === column(key.range[0]) ? 1 : -1;
    },
  });
  return flat > 0;
}

function wrong(message: string, hint: string): InjectResult {
  return { kind: 'wrong', message, hint };
}

function nameOf(document: Document, index: number): string {
  const kind = String(document.get('kind') ?? '');
  const name = document.getIn(['metadata', 'name']) ?? document.getIn(['metadata', 'generateName']);
  return kind === '' ? `document ${index + 1}` : `${kind}/${String(name ?? '?')}`;
}

/** Throws when something in the document is of another type than it must be. */
function change(document: Document, what: string, options: InjectOptions | null): Injected {
  const kind = String(document.get('kind') ?? '');
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
  for (const key of LISTS) ownComments(spec, key);
  const comment = takeOut(spec);
  if (options !== null) putIn(document, spec, path, options, comment);
  else if (document.hasIn([...path, 'metadata', 'annotations', ANNOTATION]))
    document.deleteIn([...path, 'metadata', 'annotations', ANNOTATION]);
  // Not before: what is put in again stays where it was.
  removeEmpty(document, spec, path);
  if (String(document) === before) return { what, outcome: 'unchanged', why: null };
  return { what, outcome: options === null ? 'removed' : 'injected', why: null };
}

/** The lists of a pod that hold something of ours. */
const LISTS = ['initContainers', 'containers', 'volumes'] as const;

/** The list; null where there is none. */
function listAt(spec: YAMLMap, key: (typeof LISTS)[number]): YAMLSeq | null {
  const list = spec.get(key);
  if (isSeq(list)) return list;
  if (list === undefined || list === null) return null;
  throw new Error(`"${key}" of its pod is no list`);
}

/** What stands above the first item is taken for a comment on the list: it goes with the item. */
function ownComments(spec: YAMLMap, key: (typeof LISTS)[number]): void {
  const list = listAt(spec, key);
  const first = list?.items[0];
  if (!list?.commentBefore || !isNode(first) || first.commentBefore) return;
  first.commentBefore = list.commentBefore;
  list.commentBefore = null;
}

/** `comment` is what stood above the container that this one replaces. */
function putIn(
  document: Document,
  spec: YAMLMap,
  path: readonly string[],
  options: InjectOptions,
  comment: string | null,
): void {
  const container = document.createNode(sidecarContainer(options));
  container.commentBefore = comment;
  if (options.mode === 'plain') (spec.get('containers') as YAMLSeq).add(container);
  else {
    const init = listAt(spec, 'initContainers');
    // First: other init containers may want to call through it.
    if (init !== null) init.items.unshift(container);
    else spec.set('initContainers', document.createNode([container]));
  }
  if (options.configMap !== null) {
    const volume = document.createNode({ name: NAME, configMap: { name: options.configMap } });
    const volumes = listAt(spec, 'volumes');
    if (volumes !== null) volumes.add(volume);
    else spec.set('volumes', document.createNode([volume]));
  }
  for (const place of [
    [...path, 'metadata'],
    [...path, 'metadata', 'annotations'],
  ])
    fillEmpty(document, place);
  document.setIn([...path, 'metadata', 'annotations', ANNOTATION], options.mode);
}

/** A key with nothing after it is no map yet. What is anything else is left as it is: it would be lost. */
function fillEmpty(document: Document, place: readonly string[]): void {
  const empty = document.getIn(place, true);
  if (!isScalar(empty) || empty.value !== null) return;
  const map = new YAMLMap(document.schema);
  map.commentBefore = empty.commentBefore ?? empty.comment ?? null;
  document.setIn(place, map);
}

/** Gives what stood above the container. */
function takeOut(spec: YAMLMap): string | null {
  let comment: string | null = null;
  for (const key of LISTS) {
    const list = listAt(spec, key);
    if (list === null) continue;
    const isOurs = (item: unknown): item is YAMLMap => isMap(item) && item.get('name') === NAME;
    if (key !== 'volumes') comment ??= list.items.find(isOurs)?.commentBefore ?? null;
    list.items = list.items.filter((item) => !isOurs(item));
  }
  return comment;
}

function removeEmpty(document: Document, spec: YAMLMap, path: readonly string[]): void {
  for (const key of LISTS) if (listAt(spec, key)?.items.length === 0 && key !== 'containers') spec.delete(key);
  const annotations = [...path, 'metadata', 'annotations'];
  const left = document.getIn(annotations);
  if (isMap(left) && left.items.length === 0) document.deleteIn(annotations);
  const metadata = document.getIn([...path, 'metadata']);
  if (path.length > 0 && isMap(metadata) && metadata.items.length === 0) document.deleteIn([...path, 'metadata']);
}
