import { existsSync, readFileSync } from 'node:fs';
import test from 'ava';
import { REASONS } from '../src/base/errors.ts';
import { parseCommandLine } from '../src/cli/args.ts';
import { COMMANDS } from '../src/cli/flags.ts';
import { findFormat, readRecord } from '../src/control/registries/records/formats.ts';
import type { RecordFormat } from '../src/control/registries/records/record.ts';
import { BALANCE_POLICIES } from '../src/model/balancing.ts';
import { METRICS } from '../src/observe/metric_table.ts';
import { configOf, loadText } from './config/load_text.ts';
import { LIBRARY_RECORDS } from './control/registries/records/libraries.ts';

// What the documents show is loaded, parsed and compared here, so that it cannot rot.
const ROOT = new URL('../', import.meta.url);
const read = (file: string) => readFileSync(new URL(file, ROOT), 'utf8');
const README = read('README.md');

/** The fenced blocks of one language. */
const blocks = (language: string) =>
  [...README.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, 'gms'))].map((match) => match[1] as string);

/** The cells of each row of the table whose header starts with `first`. */
function table(first: string): string[][] {
  const [, rows = ''] = README.split(new RegExp(`^\\| ${first} .*\n\\|[-| ]+\\|\n`, 'm'));
  const lines = rows.split('\n');
  const end = lines.findIndex((line) => !line.startsWith('|'));
  return lines.slice(0, end).map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim().replaceAll('`', '')),
  );
}

for (const [index, text] of blocks('yaml')
  .filter((block) => /^(registries|inbound):/m.test(block))
  .entries()) {
  test(`the README's config ${index + 1} is right as it stands`, (t) => {
    const { registries, inbound } = configOf(loadText(text));
    t.true(registries.size > 0 || inbound !== null);
  });
}

/** The least that an entry of `registries:` of each type says. */
const REGISTRIES: Readonly<Record<string, string>> = {
  etcd: '{ type: etcd, endpoints: [http://127.0.0.1:2379] }',
  Kubernetes: '{ type: kubernetes }',
  DNS: '{ type: dns }',
  file: '{ type: file, path: instances.yaml }',
  Eureka: '{ type: eureka, urls: [http://127.0.0.1:8761/eureka] }',
  ZooKeeper: '{ type: zookeeper, servers: [127.0.0.1:2181] }',
  Consul: '{ type: consul }',
};

for (const [registry = '', records = '', lines = ''] of table('your registry')) {
  test(`the README's lines for ${registry} with ${records} are right`, (t) => {
    const text = lines.replaceAll('<br>', '\n');
    const entry = REGISTRIES[registry];
    if (!text.includes('registries:')) t.not(entry, undefined, `no entry for a registry of type ${registry}`);
    const config = configOf(loadText(text.includes('registries:') ? text : `registries: { main: ${entry} }\n${text}`));
    if (registry !== 'etcd') return;
    // And they find what the library writes.
    const format = /\(([\w-]+)\)$/.exec(records)?.[1];
    const path = config.discover?.path ?? [...config.services.values()][0]?.path ?? '';
    const [head = '', tail = ''] = path.split('{service}');
    const found = LIBRARY_RECORDS.filter((record) => record.format === format && record.instance !== null).some(
      ({ key, value }) => {
        const directory = key.slice(0, key.lastIndexOf('/') + 1);
        if (!directory.startsWith(head) || !directory.endsWith(tail)) return false;
        if (!path.includes('{service}') && directory !== path) return false;
        if (/[/]/.test(directory.slice(head.length, directory.length - tail.length))) return false;
        const { decoded, format: seen } = readRecord(findFormat('auto') as RecordFormat, key, value, directory);
        return decoded.kind === 'instances' && seen === format;
      },
    );
    t.true(found, `no record of ${format} lies at ${path}`);
  });
}

test('the README has a row for every policy', (t) => {
  t.deepEqual(
    table('policy')
      .map(([name = '']) => name)
      .sort(),
    [...BALANCE_POLICIES].sort(),
  );
});

test('the README has a row for every format', (t) => {
  const rows = table('your registry').map(([, records = '']) => /\(([\w-]+)\)$/.exec(records)?.[1]);
  for (const { format } of LIBRARY_RECORDS) t.true(rows.includes(format), format);
});

test("the README's config for etcd is five lines", (t) => {
  const [first = ''] = blocks('yaml');
  t.is(first.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length, 5);
});

test("the README's command lines are understood", (t) => {
  const lines = [
    ...README.matchAll(
      /(?<=^|`)outrigger ((?:run|check|demo|services|explain|tap|top|register|inject|simulate|schema|completions|--)[^`\n]*)/gm,
    ),
  ].map((match) => (match[1] as string).split(/ {2,}#| \| /)[0] as string);
  t.true(lines.length >= 6);
  // A name alone is only mentioned.
  for (const line of lines.filter((text) => text.trim().includes(' '))) {
    const argv = (line.match(/'[^']*'|[^\s')]+/g) ?? []).map((word) => word.replaceAll("'", ''));
    t.not(parseCommandLine(argv, {}, '/').kind, 'usage', line);
  }
});

test("the README's table of errors is the code's", (t) => {
  t.deepEqual(
    table('reason').map(([reason, grpc, http]) => [reason, Number(grpc), Number(http)]),
    Object.entries(REASONS).map(([reason, { grpc, http }]) => [reason, grpc, http]),
  );
});

test("the README's table of commands is the code's", (t) => {
  t.deepEqual(
    table('command').map(([command]) => command),
    COMMANDS.map((command) => `outrigger ${command}`),
  );
});

test('every metric that the README names exists', (t) => {
  const names = [...README.matchAll(/outrigger_[a-z_]+/g)].map(([name]) => name);
  t.true(names.length > 3);
  for (const name of names) t.true(Object.hasOwn(METRICS, name), name);
});

for (const file of ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md']) {
  test(`${file}: scripts and linked files exist`, (t) => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const text = read(file);
    t.not(text, '');
    for (const [, name] of text.matchAll(/\bnpm (?:run )?(demo|test|check|build|format|coverage)\b/g)) {
      t.true(Object.hasOwn(scripts, name as string), name);
    }
    for (const [, link] of text.matchAll(/\]\((?!https?:)([^)#]+)\)/g)) {
      t.true(existsSync(new URL(link as string, ROOT)), link);
    }
    for (const [, path] of text.matchAll(/`((?:test|src|config)\/[\w./]+)`/g)) {
      t.true(existsSync(new URL(path as string, ROOT)), path);
    }
  });
}
