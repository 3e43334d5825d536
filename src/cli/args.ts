import { parseArgs } from 'node:util';
import type { ConfigFlags } from '../config/overrides.ts';
import type { ConfigRequest } from '../config/read.ts';
import { didYouMean } from '../config/suggest.ts';
import type { Env } from '../config/variables.ts';
import { ownVersion } from '../program.ts';
import { type ExplainCommand, explainCommand } from './explain/command.ts';
import { COMMANDS, type Command, FLAGS, type Flag, SHELLS, type Shell, WORDS } from './flags.ts';
import { helpText } from './help.ts';
import { injectCommand } from './inject/command.ts';
import type { InjectCommand } from './inject.ts';
import { type RegisterCommand, registerCommand } from './register/command.ts';
import { type ServicesCommand, servicesCommand } from './services/command.ts';
import { type SimulateCommand, simulateCommand } from './simulate/command.ts';
import { type TapCommand, tapCommand } from './tap/command.ts';
import { type TopCommand, topCommand } from './top/command.ts';

/** What the command line asks for. */
export type ParsedCommand =
  /** `command` is what stands after `--`: the app to start and end with; null when there is none. */
  | { readonly kind: 'run'; readonly config: ConfigRequest; readonly command: readonly string[] | null }
  | { readonly kind: 'check'; readonly config: ConfigRequest; readonly dial: boolean; readonly json: boolean }
  | { readonly kind: 'demo'; readonly args: readonly string[] }
  | ServicesCommand
  | RegisterCommand
  | InjectCommand
  | SimulateCommand
  | ExplainCommand
  | TapCommand
  | TopCommand
  | { readonly kind: 'completions'; readonly shell: Shell }
  | { readonly kind: 'schema' }
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'version' }
  /** Wrong usage: to be shown on standard error, exit code 2. */
  | { readonly kind: 'usage'; readonly message: string; readonly hint: string };

/**
 * Takes the command line apart. Never throws: what cannot be understood is `usage`.
 * @param argv without the program: `process.argv.slice(2)`
 */
export function parseCommandLine(argv: readonly string[], env: Env, cwd: string): ParsedCommand {
  // Which flags there are depends on the command, and which word the command is on the flags before it.
  const first = tokensOf(argv, null);
  const tokens = tokensOf(argv, first.find((token) => token.kind === 'positional')?.value ?? null);
  const terminator = tokens.find((token) => token.kind === 'option-terminator');
  const own = terminator ? tokens.filter((token) => token.index < terminator.index) : tokens;
  const positionals = own.flatMap((token) => (token.kind === 'positional' ? [token.value] : []));
  const command = COMMANDS.find((name) => name === (positionals[0] ?? 'run'));

  // In the order of the line: a value that went astray looks like a command, so its flag must be judged before it.
  const values = new Map<string, string[]>();
  for (const token of own) {
    if (token.kind === 'positional' && command === undefined) return unknownCommand(token.value);
    if (token.kind !== 'option') continue;
    const problem = checkOption(command ?? 'run', token, values);
    if (problem) return problem;
    values.set(token.name, [...(values.get(token.name) ?? []), token.value ?? '']);
  }
  if (command === undefined) return unknownCommand(positionals[0] as string);
  if (values.has('help')) return { kind: 'help', text: helpText(positionals.length === 0 ? null : command) };
  if (command === 'run' && values.has('version')) return { kind: 'version' };
  const stray = positionals[1 + (WORDS[command] ?? 0)];
  if (stray !== undefined) return unexpected(command, stray);
  const wrapped = terminator ? argv.slice(terminator.index + 1) : null;
  return toCommand(command, values, positionals.slice(1), wrapped, env, cwd);
}

/** With the flags of the command that is named like `word`, and those of the others where it has none of that name. */
function tokensOf(argv: readonly string[], word: string | null) {
  const own = FLAGS.filter(({ commands }) => commands.some((name) => name === word));
  const flags = new Map([...FLAGS.toReversed(), ...own].map((flag) => [flag.name, parseArgsOption(flag)]));
  return parseArgs({
    args: [...argv],
    options: Object.fromEntries(flags),
    strict: false,
    allowPositionals: true,
    tokens: true,
  }).tokens;
}

function parseArgsOption(flag: Flag) {
  const type = flag.value === null || flag.bare ? ('boolean' as const) : ('string' as const);
  return { type, multiple: true, ...(flag.short === undefined ? {} : { short: flag.short }) };
}

function usage(message: string, hint: string): ParsedCommand {
  return { kind: 'usage', message, hint };
}

function unknownCommand(name: string): ParsedCommand {
  const hint = didYouMean(name, COMMANDS);
  if (hint === null && /[./]/.test(name))
    return usage(`unknown command "${name}"`, `for a config file: --config ${name}`);
  return usage(`unknown command "${name}"`, hint ?? `there are: ${COMMANDS.join(', ')}`);
}

/** A flag as `parseArgs` met it. */
interface OptionToken {
  readonly name: string;
  /** With its dashes. */
  readonly rawName: string;
  readonly value?: string | undefined;
  /** True for `--name=value`. */
  readonly inlineValue?: boolean | undefined;
}

function checkOption(command: Command, token: OptionToken, given: ReadonlyMap<string, unknown>): ParsedCommand | null {
  const { name, rawName, value } = token;
  const known = FLAGS.filter((flag) => flag.commands.includes(command));
  const flag = [...known, ...FLAGS].find((candidate) => candidate.name === name);
  if (flag === undefined) {
    const names = known.map((candidate) => `--${candidate.name}`);
    return usage(
      `unknown flag ${rawName}`,
      didYouMean(rawName, names) ?? `"outrigger ${command} --help" lists the flags`,
    );
  }
  if (!known.includes(flag)) {
    const others = FLAGS.filter((candidate) => candidate.name === name).flatMap(({ commands }) => commands);
    return usage(`${command} has no flag ${rawName}`, `it belongs to: ${others.join(', ')}`);
  }
  if (flag.bare && value === undefined) return null;
  if (flag.value === null) {
    return value === undefined ? null : usage(`${rawName} takes no value`, `write ${rawName} alone`);
  }
  // A value that looks like a flag is one whose own value was forgotten, unless it is bound with "="; a single "-" is standard input.
  if (value === undefined || (!token.inlineValue && value.startsWith('-') && value !== '-')) {
    return usage(`${rawName} needs a value`, `${rawName} ${flag.value}`);
  }
  if (!flag.repeatable && given.has(name)) return usage(`${rawName} is given twice`, 'give it once');
  return null;
}

function unexpected(command: Command, word: string): ParsedCommand {
  const hint =
    command === 'run' ? `to start an app: outrigger run -- ${word}; for a config file: --config ${word}` : '';
  return usage(
    `${command} takes no "${word}"`,
    hint || (command === 'check' ? `for a config file: --config ${word}` : 'leave it out'),
  );
}

function toCommand(
  command: Command,
  values: ReadonlyMap<string, readonly string[]>,
  words: readonly string[],
  wrapped: readonly string[] | null,
  env: Env,
  cwd: string,
): ParsedCommand {
  if (wrapped !== null && command !== 'run' && command !== 'register')
    return usage(`${command} starts no app`, 'leave out "--" and what follows');
  if (wrapped?.length === 0)
    return usage('there is no command after "--"', `for example: outrigger ${command} -- node app.js`);
  const config = { file: values.get('config')?.[0] ?? null, flags: configFlags(values), env, cwd };
  switch (command) {
    case 'run':
      return { kind: 'run', config, command: wrapped };
    case 'check':
      return { kind: 'check', config, dial: values.has('dial'), json: values.has('json') };
    case 'demo':
      return { kind: 'demo', args: values.has('keep') ? ['--keep'] : [] };
    case 'services':
      return servicesCommand(values, words[0] ?? null, config);
    case 'register':
      return registerCommand(values, config, wrapped);
    case 'inject':
      return injectCommand(values, config.flags, ownVersion());
    case 'simulate':
      return simulateCommand(values, config);
    case 'explain':
      return explainCommand(values, words[0] ?? null, config);
    case 'tap':
      return tapCommand(values, words[0] ?? null, config);
    case 'top':
      return topCommand(values, words[0] ?? null, config);
    case 'completions': {
      const shell = SHELLS.find((name) => name === words[0]);
      const hint = `for example: outrigger completions ${SHELLS[0]}; there are: ${SHELLS.join(', ')}`;
      if (shell === undefined) return usage('completions needs the name of a shell', hint);
      return { kind: 'completions', shell };
    }
    case 'schema':
      return { kind: 'schema' };
  }
}

function configFlags(values: ReadonlyMap<string, readonly string[]>): ConfigFlags {
  const lists = { etcd: values.get('etcd'), static: values.get('static'), listen: values.get('listen') };
  const texts = {
    consul: values.get('consul')?.[0],
    file: values.get('file')?.[0],
    path: values.get('path')?.[0],
    format: values.get('format')?.[0],
    admin: values.get('admin')?.[0],
    telemetry: values.get('telemetry')?.[0],
    workers: values.get('workers')?.[0],
    logLevel: values.get('log-level')?.[0],
  };
  return Object.fromEntries(Object.entries({ ...lists, ...texts }).filter(([, value]) => value !== undefined));
}
