import { ARGUMENTS, type CompletedCommand, type CompletedFlag } from './table.ts';

/** A script for zsh's completion system. */
export function zshCompletions(commands: readonly CompletedCommand[]): string {
  return `#compdef outrigger
# outrigger completions zsh: save it as _outrigger in a directory of $fpath, or put into ~/.zshrc, after compinit:
#   source <(outrigger completions zsh)
_outrigger() {
  local -a commands
  commands=(
${commands.map(({ name, summary }) => `    ${quoted(`${name}:${summary}`)}`).join('\n')}
  )
  local command=run word
  for word in \${words[2,CURRENT-1]}; do
    if (( \${commands[(I)$word:*]} )); then
      command=$word
      break
    fi
  done
  if (( CURRENT == 2 )) && [[ $PREFIX != -* ]]; then
    _describe command commands
    return
  fi
  case $command in
${commands.map(({ name, flags }) => commandCase(name, flags)).join('\n')}
  esac
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _outrigger "$@"; else compdef _outrigger outrigger; fi
`;
}

function commandCase(name: CompletedCommand['name'], flags: readonly CompletedFlag[]): string {
  const specs = flags.flatMap((flag) =>
    (flag.short === null ? [flag.name] : [flag.name, flag.short]).map((as) => spec(as, flag)),
  );
  const own =
    ARGUMENTS[name] === undefined ? "'*::argument:_default'" : quoted(`2:argument:(${ARGUMENTS[name].join(' ')})`);
  return `    (${name}) _arguments '1:command:->command' ${[...specs.map(quoted), own].join(' \\\n      ')} ;;`;
}

function spec(as: string, { text, value, repeatable }: CompletedFlag): string {
  const about = text.replaceAll(/[[\]\\:]/g, (char) => `\\${char}`);
  const head = `${repeatable ? '*' : ''}${as}[${about}]`;
  if (value === 'none') return head;
  if (value === 'file') return `${head}:file:_files`;
  return value === 'any' ? `${head}:value: ` : `${head}:value:(${value.join(' ')})`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
