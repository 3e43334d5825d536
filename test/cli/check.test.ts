import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import test from 'ava';
import { runCheck } from '../../src/cli/check.ts';
import { runSchema } from '../../src/cli/schema.ts';
import type { ConfigFlags } from '../../src/config/overrides.ts';

const directory = mkdtempSync(join(tmpdir(), 'outrigger-check-'));
test.after.always(() => rmSync(directory, { recursive: true, force: true }));

function recorder(color = false) {
  const written = { out: '', err: '' };
  const output = {
    out: (text: string) => {
      written.out += text;
    },
    err: (text: string) => {
      written.err += text;
    },
    color,
  };
  return { written, output };
}

let files = 0;
async function check(text: string | null, flags: ConfigFlags = {}, color = false) {
  const { written, output } = recorder(color);
  const name = `${++files}.yaml`;
  if (text !== null) writeFileSync(join(directory, name), text);
  const code = await runCheck({ file: text === null ? null : name, flags, env: {}, cwd: directory }, output);
  return { code, name, ...written };
}

const BAD = `listen: 15001
registries:
  main: { type: etcd, password: hunter2, endpoints: [ "h:1" ] }
discover: {}
`;

test('every problem is printed with its line, a mark under the place, and a hint', async (t) => {
  const { code, name, out, err } = await check(BAD);
  t.is(code, 2);
  t.is(out, '');
  t.is(
    err,
    `${name}:1:9: listen: expected host:port, [v6]:port or unix:/path, or a list, found the number 15001
   1 | listen: 15001
     |         ^^^^^
  hint: say the host, too: 127.0.0.1:15001

${name}:3:3: registries.main.username: is missing; password needs it
   3 |   main: { type: etcd, password: *******, endpoints: [ "h:1" ] }
     |   ^^^^

${name}:3:55: registries.main.endpoints[0]: expected a URL such as http://127.0.0.1:2379, found "h:1"
   3 |   main: { type: etcd, password: *******, endpoints: [ "h:1" ] }
     |                                                       ^^^^^
  hint: say the scheme, too: http://h:1

3 problems
`,
  );
});

test('colours change nothing but the colour', async (t) => {
  const plain = await check(BAD);
  const coloured = await check(BAD, {}, true);
  t.not(coloured.err, stripVTControlCharacters(coloured.err));
  t.is(stripVTControlCharacters(coloured.err).replaceAll(coloured.name, ''), plain.err.replaceAll(plain.name, ''));
});

test('a problem in a flag is printed without a line', async (t) => {
  const { code, err } = await check(null, { static: ['book=h'] });
  t.is(code, 2);
  t.is(
    err,
    '--static: services.book.instances[0].address: expected host:port, [v6]:port or unix:/path, found "h"\n  hint: the port is missing\n\n1 problem\n',
  );
});

test('a long line is shown around the place, and control characters are not sent to the terminal', async (t) => {
  const { err } = await check(
    `registries: { f: { type: file, path: "${'x'.repeat(300)}\\e", color: "\u001b[31m" } }\ndiscover: {}\n`,
  );
  const [, line = '', mark = ''] = err.split('\n');
  t.true(line.length <= 120);
  t.is(line.slice(mark.indexOf('^'), mark.lastIndexOf('^') + 1), 'color');
  t.false(err.includes('\u001b'));
});

test('a right config is summed up', async (t) => {
  const text = `
registries: { main: { type: etcd, endpoints: ["http://u:p@h:1"] }, here: { type: static } }
services: { book: { registry: main }, user: { registry: here, balance: random, instances: [{ address: "h:2" }] } }
discover: { registry: main }
routes: [{ path: /a/, host: h, service: book }]
default_service: user
`;
  const { code, name, out, err } = await check(text);
  t.is(code, 0);
  t.is(err, '');
  t.is(
    out,
    `✓ config        ${name}
  listen     127.0.0.1:15001
  admin      127.0.0.1:15000
  telemetry  0.0.0.0:15020
  workers    1
  registry   main: etcd http://h:1
  registry   here: static
  service    book: /services/book/ of main, round_robin
  service    user: h:2, random
  discover   any other name at /services/{service}/ of main, round_robin
  route      h/a/ -> book
  default    user
Registries and instances were not asked: outrigger check --dial does that.
`,
  );
});

test('schema prints a JSON Schema', (t) => {
  const { written, output } = recorder();
  t.is(runSchema(output), 0);
  const schema = JSON.parse(written.out);
  t.is(schema.$schema, 'https://json-schema.org/draft/2020-12/schema');
  t.true('listen' in schema.properties);
});
