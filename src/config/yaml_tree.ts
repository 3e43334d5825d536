import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type ParsedNode,
  parseDocument,
  Scalar,
  visit,
  type YAMLError,
  type YAMLMap,
} from 'yaml';
import { keyPath, type Problem, type Step } from './problem.ts';
import { SourceText } from './source_text.ts';
import { type MapEntry, mapOf, type ScalarTree, scalar, type Tree } from './tree.ts';
import { type Env, expandVariables } from './variables.ts';

/** Keys whose values are never shown. */
export const SECRET_KEYS: ReadonlySet<string> = new Set(['password', 'token']);

/** No config needs more; an anchor that is used again and again could otherwise grow to any size. */
const MOST_NODES = 200_000;
const DEEPEST = 32;

/** A file as a tree. `tree` is null when the text is no YAML; problems may come with a tree (an undefined variable, a key given twice). */
export interface YamlTree {
  readonly tree: Tree | null;
  readonly problems: readonly Problem[];
}

/** Reads YAML 1.2 (and so JSON), replaces variables, and keeps the place of every value. Never throws. */
export function parseYamlTree(name: string, text: string, env: Env): YamlTree {
  const source = new SourceText(name, text);
  let document: Document.Parsed;
  try {
    document = parseDocument(text, { lineCounter: source.lineCounter, prettyErrors: false, uniqueKeys: false });
    hideSecrets(document, source);
  } catch (error) {
    // The parser recurses into collections: only a text made to break it gets here.
    const message = error instanceof RangeError ? 'is nested too deeply' : `cannot be read as YAML: ${String(error)}`;
    return { tree: null, problems: [{ at: source.place(0), key: '', message, hint: null }] };
  }
  const mistakes = [...document.errors, ...document.warnings];
  if (mistakes.length > 0) return { tree: null, problems: syntaxProblems(mistakes, source) };
  const reader = new TreeReader(document, source, env);
  const tree = document.contents === null ? mapOf({}, source.place(0)) : reader.read(document.contents, []);
  return { tree, problems: reader.problems };
}

function hideSecrets(document: Document.Parsed, source: SourceText): void {
  visit(document, {
    Pair(_, pair) {
      const key = isScalar(pair.key) ? pair.key.value : null;
      const range = isScalar(pair.value) ? pair.value.range : null;
      if (typeof key === 'string' && SECRET_KEYS.has(key) && range) source.hide(range[0], range[1]);
    },
  });
}

const SYNTAX_HINTS: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: 'indent with spaces: YAML does not allow tabs there',
  MULTIPLE_DOCS: 'one file holds one config: remove the "---" in between',
  BLOCK_AS_IMPLICIT_KEY: 'a value that holds ": " must stand in quotes',
};

/** The first mistake of each line: what the parser says of the rest of a line follows from it. */
function syntaxProblems(mistakes: readonly YAMLError[], source: SourceText): Problem[] {
  const perLine = new Map<number, Problem>();
  for (const mistake of mistakes) {
    const at = source.place(mistake.pos[0], mistake.pos[1]);
    if (at.kind !== 'file' || perLine.has(at.line)) continue;
    const tooDeep = mistake.message.startsWith('Maximum call stack');
    const message = tooDeep ? 'is nested too deeply' : mistake.message.replace(/\.$/, '');
    const isBareVariable = /[{,[][^"']*\$\{/.test(source.lineAround(mistake.pos[0]));
    const hint = isBareVariable ? `within { } and [ ] a \${VARIABLE} must stand in quotes` : SYNTAX_HINTS[mistake.code];
    perLine.set(at.line, { at, key: '', message, hint: hint ?? null });
  }
  return [...perLine.values()];
}

class TreeReader {
  readonly problems: Problem[] = [];
  readonly #document: Document.Parsed;
  readonly #source: SourceText;
  readonly #env: Env;
  #nodes = 0;

  constructor(document: Document.Parsed, source: SourceText, env: Env) {
    this.#document = document;
    this.#source = source;
    this.#env = env;
  }

  read(node: Node | null, path: readonly Step[], fallback: Node | null = null): Tree {
    const at = this.#place(node ?? fallback);
    if (++this.#nodes > MOST_NODES || path.length > DEEPEST) {
      if (this.#nodes <= MOST_NODES + 1) this.#report(at, path, 'is nested too deeply, or too large', null);
      this.#nodes = Math.max(this.#nodes, MOST_NODES + 1);
      return { ...scalar(null, at), broken: true };
    }
    if (node === null) return scalar(null, at);
    if (isAlias(node)) {
      const anchored = node.resolve(this.#document);
      if (anchored !== undefined) return this.read(anchored, path, node);
      this.#report(at, path, `there is no anchor "&${node.source}" above`, null);
      return { ...scalar(null, at), broken: true };
    }
    if (isMap(node)) return this.#readMap(node, path);
    if (isSeq(node)) {
      const items = node.items.map((item, step) => this.read(item as Node | null, [...path, step], node));
      return { kind: 'list', items, at };
    }
    return this.#readScalar(node as Scalar, path);
  }

  #readMap(node: YAMLMap, path: readonly Step[]): Tree {
    const entries = new Map<string, MapEntry>();
    for (const pair of node.items) {
      const keyNode = pair.key as Node | null;
      const keyAt = this.#place(keyNode ?? node);
      if (!isScalar(keyNode) || keyNode.value === null) {
        this.#report(keyAt, path, 'expected a key', null);
        continue;
      }
      const key = typeof keyNode.value === 'string' ? keyNode.value : (keyNode.source ?? String(keyNode.value));
      const inner = [...path, key];
      const earlier = entries.get(key)?.keyAt;
      if (earlier?.kind === 'file') {
        this.#report(keyAt, inner, `is given twice, the first time in line ${earlier.line}`, 'remove one of them');
      } else if (key === '__proto__') {
        this.#report(keyAt, inner, 'cannot be used as a key', null);
      } else {
        entries.set(key, { keyAt, tree: this.read(pair.value as Node | null, inner, keyNode) });
      }
    }
    return { kind: 'map', entries, at: this.#place(node) };
  }

  #readScalar(node: Scalar, path: readonly Step[]): ScalarTree {
    const at = this.#place(node);
    const { value } = node;
    if (typeof value !== 'string') {
      if (value === null || typeof value === 'number' || typeof value === 'boolean') return scalar(value, at);
      return scalar(node.source ?? String(value), at);
    }
    if (!value.includes('${')) return scalar(value, at);
    const expansion = expandVariables(value, this.#env);
    if (!expansion.ok) {
      this.#report(at, path, expansion.message, expansion.hint);
      return { ...scalar(null, at), broken: true };
    }
    // Quotes say that a text is wanted; a plain scalar is typed as if its replacement had been written there.
    return node.type === Scalar.PLAIN ? typedScalar(expansion.text, at) : scalar(expansion.text, at);
  }

  #place(node: Node | null) {
    const range = (node as ParsedNode | null)?.range;
    if (!range) return this.#source.place(0);
    return this.#source.place(range[0], isScalar(node) || isAlias(node) ? range[1] : range[0] + 1);
  }

  #report(at: Problem['at'], path: readonly Step[], message: string, hint: string | null): void {
    this.problems.push({ at, key: keyPath(path), message, hint });
  }
}

/** Types a text as YAML types a plain scalar: `50051` is a number, `true` a boolean. The text itself is kept beside it. */
export function typedScalar(text: string, at: Problem['at']): ScalarTree {
  // A text that could be more than one plain scalar (`[a]`, `a: b`, `# x`) stays a text: a variable never adds structure.
  if (!/^[\w.+~-]*$/.test(text)) return scalar(text, at, text);
  const { contents, errors } = parseDocument(text, { prettyErrors: false });
  const value = text === '' ? null : isScalar(contents) && errors.length === 0 ? contents.value : text;
  return scalar(value === null || typeof value === 'number' || typeof value === 'boolean' ? value : text, at, text);
}
