import { ARGUMENTS, type CompletedCommand } from './table.ts';

/** A script for fish 3 and later. */
export function fishCompletions(commands: readonly CompletedCommand[]): string {
  const names = commands.map(({ name }) => name).join(' ');
  const lines = commands.flatMap(({ name, summary, flags }) => {
    const here =
      name === 'run'
        ? `"__fish_seen_subcommand_from run; or not __fish_seen_subcommand_from ${names}"`
        : `"__fish_seen_subcommand_from ${name}"`;
    const own = ARGUMENTS[name];
    return [
      `complete -c outrigger -n "not __fish_seen_subcommand_from ${names}" -f -a ${name} -d ${quoted(summary)}`,
      ...(own === undefined ? [] : [`complete -c outrigger -n ${here} -f -a ${quoted(own.join(' '))}`]),
      ...flags.map(({ name: flag, short, text, value }) => {
        const words = [`complete -c outrigger -n ${here} -l ${flag.slice(2)}`];
        if (short !== null) words.push(`-s ${short.slice(1)}`);
        if (value === 'file') words.push('-r -F');
        else if (value === 'any') words.push('-x');
        else if (value !== 'none') words.push(`-x -a ${quoted(value.join(' '))}`);
        words.push(`-d ${quoted(text)}`);
        return words.join(' ');
      }),
    ];
  });
  return `# outrigger completions fish: save it as ~/.config/fish/completions/outrigger.fish, or:
#   outrigger completions fish | source
${lines.join('\n')}
`;
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
