import { spawnSync } from 'node:child_process';
import test from 'ava';
import { completedCommands } from '../../src/cli/completions/table.ts';
import { runCompletions } from '../../src/cli/completions.ts';
import { COMMANDS, FLAGS, SHELLS } from '../../src/cli/flags.ts';
import { serialTestWith } from '../support/requires.ts';

function script(shell: (typeof SHELLS)[number]): string {
  let text = '';
  const out = (part: string): void => {
    text += part;
  };
  runCompletions(shell, { out, err: () => {}, color: false });
  return text;
}

for (const shell of SHELLS) {
  test(`the script for ${shell} knows every command and every flag`, (t) => {
    const text = script(shell);
    for (const command of COMMANDS) t.regex(text, new RegExp(`\\b${command}\\b`));
    for (const { name } of FLAGS) t.true(text.includes(shell === 'fish' ? ` -l ${name} ` : `--${name}`), name);
  });
}

test('the words that are offered for a value are those that the flag’s text lists', (t) => {
  for (const { flags } of completedCommands()) {
    for (const { name, text, value } of flags) {
      if (typeof value !== 'string') for (const word of value) t.regex(text, new RegExp(`\\b${word}\\b`), name);
    }
  }
});

/** What bash offers at the end of a line. */
function complete(...words: string[]): string[] {
  const line = words.map((word) => `'${word}'`).join(' ');
  const ask = `COMP_WORDS=(${line}); COMP_CWORD=${words.length - 1}; _outrigger; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr, status } = spawnSync('bash', ['--norc', '-c', `${script('bash')}\n${ask}`], {
    encoding: 'utf8',
  });
  if (status !== 0 || stderr !== '') throw new Error(stderr);
  return stdout.split('\n').filter((word) => word !== '');
}

for (const [words, expected] of [
  [['outrigger', 'exp'], ['explain']],
  [['outrigger', 'top', '--i'], ['--interval']],
  [
    ['outrigger', 'top', '--sort', 'p'],
    ['p50', 'p99'],
  ],
  [
    ['outrigger', 'inject', '--mode', ''],
    ['native', 'plain'],
  ],
  [['outrigger', 'tap', '--ver'], ['--version']],
  [['outrigger', 'tap', '--version', ''], []],
  [['outrigger', 'completions', 'z'], ['zsh']],
  [['outrigger', '--dr'], []],
  [['outrigger', 'run', '--log-level', 'd'], ['debug']],
] as const) {
  test(`bash completes: ${words.join(' ')}`, (t) => {
    t.deepEqual(complete(...words), [...expected]);
  });
}

serialTestWith('zsh')('zsh takes the script', (t) => {
  const { stderr, status } = spawnSync('zsh', ['-f', '-n'], { input: script('zsh'), encoding: 'utf8' });
  t.is(stderr, '');
  t.is(status, 0);
});

serialTestWith('fish')('fish takes the script, and offers what there is', (t) => {
  // `complete -C` gives what fish would offer.
  const offered = (line: string): string[] => {
    const program = `${script('fish')}\ncomplete -C '${line}'\n`;
    const { stdout, stderr, status } = spawnSync('fish', ['--no-config', '-c', program], { encoding: 'utf8' });
    t.is(stderr, '');
    t.is(status, 0);
    return stdout.split('\n').map((entry) => entry.split('\t')[0] as string);
  };
  t.deepEqual(
    offered('outrigger exp').filter((word) => word !== ''),
    ['explain'],
  );
  t.true(offered('outrigger top --i').includes('--interval'));
  t.true(offered('outrigger completions ').includes('zsh'));
});
