import test from 'ava';
import { parseCommandLine } from '../../src/cli/args.ts';
import { COMMANDS, FLAGS } from '../../src/cli/flags.ts';
import { COMMAND_HELP, helpText } from '../../src/cli/help.ts';

const parse = (argv: readonly string[]) => parseCommandLine(argv, {}, '/');

test('--help and -h answer everywhere', (t) => {
  t.deepEqual(parse(['--help']), { kind: 'help', text: helpText(null) });
  t.deepEqual(parse(['-h']), { kind: 'help', text: helpText(null) });
  for (const command of COMMANDS) {
    t.deepEqual(parse([command, '--help']), { kind: 'help', text: helpText(command) });
  }
});

test('the help lists every command and every flag', (t) => {
  for (const command of COMMANDS) t.true(helpText(null).includes(`\n  ${command} `), command);
  for (const flag of FLAGS) {
    for (const command of flag.commands)
      t.true(helpText(command).includes(`--${flag.name}`), `${command} --${flag.name}`);
  }
});

test('no command has a flag twice, and none is told of a flag that only others have', (t) => {
  for (const command of COMMANDS) {
    const own = FLAGS.filter(({ commands }) => commands.includes(command));
    t.is(new Set(own.map(({ name }) => name)).size, own.length, command);
    for (const { text } of own) {
      for (const [, name] of text.matchAll(/--([a-z-]+)/g))
        t.true(
          own.some((flag) => flag.name === name),
          `${command}: ${text}`,
        );
    }
  }
});

for (const command of COMMANDS) {
  for (const example of COMMAND_HELP[command].examples) {
    test(`the example in the help works: ${example}`, (t) => {
      t.true(helpText(command).includes(`\n  ${example}\n`));
      const [program, ...argv] = example.split(' ').map((word) => word.replaceAll("'", ''));
      t.is(program, 'outrigger');
      t.is(parse(argv).kind, command);
    });
  }
}

test('no line of the help is wider than a wide terminal', (t) => {
  for (const command of [null, ...COMMANDS]) {
    for (const line of helpText(command).split('\n')) t.true(line.length <= 130, line);
  }
});
