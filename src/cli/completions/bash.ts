import { ARGUMENTS, type CompletedCommand } from './table.ts';

/** A script for bash 4 and later; it needs no other package. */
export function bashCompletions(commands: readonly CompletedCommand[]): string {
  const flagCases = commands.map(({ name, flags }) => {
    const words = flags.flatMap(({ name: flag, short }) => (short === null ? [flag] : [flag, short]));
    const own = ARGUMENTS[name] ?? [];
    return `    ${name}) words='${[...words, ...own].join(' ')}' ;;`;
  });
  return `# outrigger completions bash: put it where bash-completion looks, or into ~/.bashrc:
#   source <(outrigger completions bash)
_outrigger() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" command=run words at
  COMPREPLY=()
  for ((at = 1; at < COMP_CWORD; at++)); do
    # What follows "--" is the app's own command line.
    if [[ "\${COMP_WORDS[at]}" == -- ]]; then
      COMPREPLY=($(compgen -f -- "$current"))
      return
    fi
  done
  for ((at = 1; at < COMP_CWORD; at++)); do
    case "\${COMP_WORDS[at]}" in
    ${commands.map(({ name }) => name).join('|')}) command="\${COMP_WORDS[at]}"; break ;;
    esac
  done
  case "$command $previous" in
${valueCases(commands)}
  esac
  case "$command" in
${flagCases.join('\n')}
  esac
  if [[ "$current" != -* && $at -ge $COMP_CWORD ]]; then
    words="${commands.map(({ name }) => name).join(' ')}"
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o filenames -F _outrigger outrigger
`;
}

/** What a flag's value may be: nothing is offered where no shell can know. */
function valueCases(commands: readonly CompletedCommand[]): string {
  const byWords = new Map<string, string[]>();
  for (const { name, flags } of commands) {
    for (const { name: flag, short, value } of flags) {
      if (value === 'none') continue;
      const reply =
        value === 'file'
          ? '$(compgen -f -- "$current")'
          : value === 'any'
            ? ''
            : `$(compgen -W '${value.join(' ')}' -- "$current")`;
      const patterns = short === null ? [`'${name} ${flag}'`] : [`'${name} ${flag}'`, `'${name} ${short}'`];
      byWords.set(reply, [...(byWords.get(reply) ?? []), ...patterns]);
    }
  }
  return [...byWords].map(([reply, patterns]) => `  ${patterns.join('|')}) COMPREPLY=(${reply}); return ;;`).join('\n');
}
