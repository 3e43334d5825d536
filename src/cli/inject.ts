import { readFile } from 'node:fs/promises';
import { text as readAll } from 'node:stream/consumers';
import { describeError } from '../base/errors.ts';
import { loadConfig } from '../config/load.ts';
import type { ConfigFlags } from '../config/overrides.ts';
import { type Output, problemsText } from './check_print.ts';
import type { InjectOptions } from './inject/container.ts';
import { injectManifests } from './inject/manifest.ts';

/** What `outrigger inject` was asked. */
export interface InjectCommand {
  readonly kind: 'inject';
  /** `-`: standard input. */
  readonly file: string;
  /** Null: take the sidecar out. */
  readonly options: InjectOptions | null;
  /** The flags of `outrigger run` that take the place of a config in the pod; null: there is a ConfigMap. */
  readonly flags: ConfigFlags | null;
}

/**
 * The `inject` command: manifests in, manifests with the sidecar out on standard output; what was done with each on standard error.
 * Resolves with the exit code: 1 when the file cannot be read or is no YAML, or holds no pod at all; 2 when the sidecar would not
 * start with its flags.
 */
export async function runInject(command: InjectCommand, output: Output): Promise<number> {
  if (command.flags !== null) {
    // As the sidecar will see them: where no file is, and the environment not this one.
    const checked = loadConfig({ file: null, flags: command.flags, env: {}, cwd: '/' });
    if (checked.kind === 'problems') {
      output.err(problemsText(checked.problems, output.color));
      return 2;
    }
  }
  let text: string;
  try {
    text = command.file === '-' ? await readAll(process.stdin) : await readFile(command.file, 'utf8');
  } catch (error) {
    output.err(unreadable(command.file, error));
    return 1;
  }
  const result = injectManifests(text, command.options);
  if (result.kind === 'wrong') {
    output.err(`${command.file}: ${result.message}\n  hint: ${result.hint}\n`);
    return 1;
  }
  for (const { what, outcome, why } of result.done)
    output.err(`${what}: ${outcome}${why === null ? '' : `, ${why}`}\n`);
  output.out(result.text);
  if (result.done.some(({ outcome }) => outcome !== 'skipped')) return 0;
  output.err(
    `nothing in ${command.file} takes the sidecar\n  hint: give a Deployment, StatefulSet, DaemonSet, Job, CronJob, Rollout or Pod\n`,
  );
  return 1;
}

function unreadable(file: string, error: unknown): string {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOENT':
      return `${file}: there is no such file\n  hint: give a file of manifests, or - for standard input\n`;
    case 'EISDIR':
      return `${file}: it is a directory\n  hint: give a file of manifests; for each in it: for f in *.yaml; do echo ---; outrigger inject -f "$f"; done\n`;
    default:
      return `cannot read ${file}: ${describeError(error)}\n  hint: let the user that runs outrigger read it\n`;
  }
}
