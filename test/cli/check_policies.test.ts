import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { runCheck } from '../../src/cli/check.ts';
import { temporaryDirectory } from '../support/sidecar.ts';

/** Checks a config whose service has this module as its policy; null: there is none. */
async function check(source: string | null, balance = './policy.mjs') {
  const directory = temporaryDirectory();
  const book = { balance, instances: [{ address: '127.0.0.1:1' }] };
  writeFileSync(
    join(directory, 'c.yaml'),
    JSON.stringify({ registries: { here: { type: 'static' } }, services: { book } }),
  );
  if (source !== null) writeFileSync(join(directory, 'policy.mjs'), source);
  const written = { out: '', err: '' };
  const output = {
    out(text: string) {
      written.out += text;
    },
    err(text: string) {
      written.err += text;
    },
    color: false,
  };
  const code = await runCheck({ file: 'c.yaml', flags: {}, env: {}, cwd: directory }, output);
  return { code, ...written, path: join(directory, 'policy.mjs') };
}

test('a policy of the user’s own that works is fine', async (t) => {
  const { code, out, path } = await check('export default (all) => ({ pick: (key) => key % all.length })');
  t.is(code, 0);
  t.true(out.includes(path));
});

test('the example of config/ is fine', async (t) => {
  t.is((await check(null, new URL('../../config/my_policy.ts', import.meta.url).pathname)).code, 0);
});

for (const [what, source, message] of [
  ['is not there', null, 'it cannot be loaded: Cannot find module'],
  ['throws at its top', 'throw new Error("too early")', 'it cannot be loaded: too early'],
  ['exports nothing', '', 'it cannot be loaded: it has no default export that is a function'],
  ['makes no picker', 'export default () => 7', 'it made no picker, but 7'],
  ['throws in pick', 'export default () => ({ pick() { throw new Error("oh"); } })', 'it threw in pick: oh'],
  [
    'picks what is none',
    'export default () => ({ pick: () => 1 })',
    'it picked 1, which is no index of its 1 candidates',
  ],
] as const) {
  test(`one that ${what} is a problem of the config`, async (t) => {
    const { code, err, path } = await check(source);
    t.is(code, 2);
    t.true(err.includes(`the policy ${path} is at fault: ${message}`), err);
    t.true(err.includes('hint: its default export makes pickers: config/my_policy.ts shows one'), err);
  });
}

test('a name that is no policy, and a file that is no module, are told apart', async (t) => {
  for (const [balance, hint] of [
    ['roundrobin', 'did you mean "round_robin"?'],
    ['policy.py', ''],
  ] as const) {
    const { code, err } = await check(null, balance);
    t.is(code, 2);
    t.regex(
      err,
      /services\.book\.balance: expected one of round_robin, .*, or a module of your own such as \.\/my_policy\.ts/,
    );
    t.true(err.includes(hint), err);
  }
});
