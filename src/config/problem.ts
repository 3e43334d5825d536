/** Where a value came from: a place in a file, a flag, an environment variable, or nowhere in particular. */
export type Origin =
  | {
      readonly kind: 'file';
      /** As the user wrote it, so that a terminal can open it. */
      readonly file: string;
      /** Both start at 1; columns count UTF-16 units. */
      readonly line: number;
      readonly column: number;
      /** How much of the line is meant, in UTF-16 units; at least 1. */
      readonly length: number;
      /** The line itself, with secrets starred out; null when it is not to be shown. */
      readonly lineText: string | null;
    }
  | { readonly kind: 'flag'; readonly name: string }
  | { readonly kind: 'env'; readonly name: string }
  | { readonly kind: 'none' };

/** One thing that is wrong with a config. A load reports all of them. */
export interface Problem {
  readonly at: Origin;
  /** The key's path, `services.book.registry` or `routes[0].path`; empty when it concerns the whole config. */
  readonly key: string;
  /** What was expected and what was found, in one sentence without a full stop. */
  readonly message: string;
  /** What the reader can do about it; null when the message says it all. */
  readonly hint: string | null;
}

/** One step into the config: a key of a map, or a position in a list. */
export type Step = string | number;

/** `['routes', 0, 'path']` as people write it: `routes[0].path`. */
export function keyPath(path: readonly Step[]): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else text += text === '' ? step : `.${step}`;
  }
  return text;
}

/** `outrigger.yaml:3:7`, `--listen`, `OUTRIGGER_LISTEN`, or nothing. */
export function originText(at: Origin): string {
  switch (at.kind) {
    case 'file':
      return `${at.file}:${at.line}:${at.column}`;
    case 'flag':
    case 'env':
      return at.name;
    case 'none':
      return '';
  }
}

const KIND_ORDER = { none: 0, file: 1, env: 2, flag: 3 } as const;

/** Reading order: the file from top to bottom, then the environment, then the flags. */
export function compareProblems(a: Problem, b: Problem): number {
  if (a.at.kind === 'file' && b.at.kind === 'file') {
    return a.at.line - b.at.line || a.at.column - b.at.column;
  }
  return KIND_ORDER[a.at.kind] - KIND_ORDER[b.at.kind];
}

/** The problem as a compiler prints it, on one line, without the hint. */
export function problemText(problem: Problem): string {
  return [originText(problem.at), problem.key, problem.message].filter((part) => part !== '').join(': ');
}
