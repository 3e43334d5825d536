import type { Config } from '../../src/config/config.ts';
import { type ConfigSource, type LoadResult, loadConfig } from '../../src/config/load.ts';
import { problemText } from '../../src/config/problem.ts';

/** Loads a text as `c.yaml` of the directory `/etc/outrigger`. */
export function loadText(text: string, source: Partial<ConfigSource> = {}): LoadResult {
  const file = { name: 'c.yaml', text, directory: '/etc/outrigger' };
  return loadConfig({ file, flags: {}, env: {}, cwd: '/home/me', ...source });
}

/** The config, or an error that lists the problems. */
export function configOf(result: LoadResult): Config {
  if (result.kind === 'config') return result.config;
  throw new Error(result.problems.map(problemText).join('\n'));
}

/** Every problem on one line, with its hint after an arrow. */
export function problemsOf(result: LoadResult): string[] {
  if (result.kind === 'config') return [];
  return result.problems.map((problem) => problemText(problem) + (problem.hint === null ? '' : ` -> ${problem.hint}`));
}
