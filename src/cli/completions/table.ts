import { COMMANDS, type Command, FLAGS, type Flag } from '../flags.ts';
import { COMMAND_HELP } from '../help.ts';

/** What a shell can complete: made from the same tables as the parser and the help. */
export interface CompletedCommand {
  readonly name: Command;
  readonly summary: string;
  readonly flags: readonly CompletedFlag[];
}

export interface CompletedFlag {
  /** With its dashes. */
  readonly name: string;
  /** With its dash; null without a short form. */
  readonly short: string | null;
  readonly text: string;
  /** What follows it: nothing, a file, one of these words, or something that no shell knows. */
  readonly value: 'none' | 'file' | 'any' | readonly string[];
  readonly repeatable: boolean;
}

/** Flags whose value is the name of a file. */
const FILES: readonly string[] = ['config', 'file', 'filename'];

/** Values that are one of a few words; the flag's text lists them: `debug, info, warn or error`. */
const WORDS: Readonly<Record<string, readonly string[]>> = {
  'log-level': ['debug', 'info', 'warn', 'error'],
  mode: ['native', 'plain'],
  sort: ['service', 'requests', 'errors', 'p50', 'p99', 'in-flight', 'share'],
};

export function completedCommands(): CompletedCommand[] {
  return COMMANDS.map((name) => ({
    name,
    summary: COMMAND_HELP[name].summary,
    flags: FLAGS.filter(({ commands }) => commands.includes(name)).map(completedFlag),
  }));
}

/** The words that follow a command itself. */
export const ARGUMENTS: Readonly<Partial<Record<Command, readonly string[]>>> = {
  completions: ['bash', 'zsh', 'fish'],
};

function completedFlag({ name, short, value, bare, text, repeatable }: Flag): CompletedFlag {
  let kind: CompletedFlag['value'] = 'any';
  if (value === null || bare) kind = 'none';
  else if (FILES.includes(name)) kind = 'file';
  else if (WORDS[name] !== undefined) kind = WORDS[name];
  return { name: `--${name}`, short: short === undefined ? null : `-${short}`, text, value: kind, repeatable };
}
