import type { Output } from './check_print.ts';
import { bashCompletions } from './completions/bash.ts';
import { fishCompletions } from './completions/fish.ts';
import { completedCommands } from './completions/table.ts';
import { zshCompletions } from './completions/zsh.ts';
import type { Shell } from './flags.ts';

const SCRIPTS = { bash: bashCompletions, zsh: zshCompletions, fish: fishCompletions } as const;

/** The `completions` command: prints a script for a shell. Returns the exit code. */
export function runCompletions(shell: Shell, output: Output): number {
  output.out(SCRIPTS[shell](completedCommands()));
  return 0;
}
