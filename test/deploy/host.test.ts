import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import test from 'ava';
import { parseCommandLine } from '../../src/cli/args.ts';
import { configOf, loadText } from '../config/load_text.ts';
import { serialTestWith } from '../support/requires.ts';
import { deployed, type Manifest, manifestsOf } from './manifest.ts';

const ROOT = new URL('../../', import.meta.url);
const dockerfile = deployed('docker/Dockerfile');
const [compose] = manifestsOf(deployed('compose/compose.yaml'));
const manifest = JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8')) as {
  version: string;
  bin: { outrigger: string };
  scripts: { build: string };
};

/** The arguments of the last line of the Dockerfile that starts so and is written as a JSON list. */
const listAfter = (start: string): string[] => {
  const line = dockerfile.split('\n').findLast((candidate) => candidate.startsWith(`${start} [`)) ?? `${start} null`;
  return JSON.parse(line.slice(start.length)) as string[];
};

test('the image is built in stages, takes all that the build needs, and nothing that is not there', (t) => {
  t.is([...dockerfile.matchAll(/^FROM /gm)].length, 2);
  const ignored = deployed('docker/Dockerfile.dockerignore');
  const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, files = '']) => files.split(' '));
  for (const file of copied) {
    t.true(existsSync(new URL(file, ROOT)), file);
    t.regex(ignored, new RegExp(`^!${file.replaceAll('.', '\\.')}$`, 'm'));
  }
  for (const [file] of manifest.scripts.build.matchAll(/\.ci\/[\w.]+/g)) t.true(copied.includes(file), file);
});

test('the image starts the program as a user with a number, with arguments that it understands', (t) => {
  t.deepEqual(listAfter('ENTRYPOINT'), ['node', manifest.bin.outrigger]);
  t.is(parseCommandLine(listAfter('CMD'), {}, '/').kind, 'run');
  t.regex(dockerfile, /^USER [1-9]\d*:\d+$/m);
  t.false(/^(ADD|VOLUME) /m.test(dockerfile));
});

test('the image lists what is in it', (t) => {
  t.regex(dockerfile, /^RUN npm prune --omit=dev && npm pkg delete devDependencies && npm sbom .* > sbom\.json$/m);
  t.regex(dockerfile, /^COPY --from=build .*\/app\/sbom\.json/m);
});

test("the image's health check is a program that Node understands, and asks the telemetry port", (t) => {
  t.regex(dockerfile, /^HEALTHCHECK /m);
  const [command, flag, program = ''] = listAfter('  CMD');
  t.deepEqual([command, flag], ['node', '-e']);
  const run = spawnSync(process.execPath, ['-e', program.replace(':15020', ':1')], { timeout: 60_000 });
  t.is(run.status, 1, 'nobody listens: it is not well');
  t.true(program.includes('http://127.0.0.1:15020/live'));
});

test('nothing but what is installed for production is needed at run time', (t) => {
  const { dependencies } = JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  const files = readdirSync(new URL('src/', ROOT), { recursive: true, encoding: 'utf8' });
  for (const file of files.filter((name) => name.endsWith('.ts') && !name.includes('page/client'))) {
    const text = readFileSync(new URL(`src/${file}`, ROOT), 'utf8');
    for (const [, name = ''] of text.matchAll(/^(?:import (?!type)|\} from )[^'\n]*'([^'.][^']*)';/gm)) {
      const known = isBuiltin(name) || Object.keys(dependencies).some((dependency) => name.startsWith(dependency));
      t.true(known, `${file} imports ${name}`);
    }
  }
});

test("every config of the compose file is one that the program loads, and every service's file is there", (t) => {
  const configs = readdirSync(new URL('../../deploy/compose/config/', import.meta.url));
  const used = new Set<string>();
  for (const [name, { command }] of Object.entries(compose.services as Record<string, Manifest>)) {
    if (!Array.isArray(command)) continue;
    t.is(parseCommandLine(command, {}, '/').kind, 'run', name);
    used.add(command.at(-1).replace('/etc/outrigger/', ''));
  }
  t.deepEqual([...used].sort(), configs.sort());
  for (const file of configs) t.notThrows(() => configOf(loadText(deployed(`compose/config/${file}`))), file);
});

test('the compose file has a Consul cluster with its agent, an etcd, two versions of an app, and names that exist', (t) => {
  const services = compose.services as Record<string, Manifest>;
  const commands = Object.values(services).map(({ command }) => String(command ?? ''));
  t.is(commands.filter((command) => command.startsWith('agent -server')).length, 3);
  t.is(commands.filter((command) => command.startsWith('agent ') && command.includes('-ui')).length, 1);
  for (const [name, service] of Object.entries(services)) {
    for (const other of service.depends_on ?? []) t.true(Object.hasOwn(services, other), `${name}: ${other}`);
    const shared = /^service:(.+)$/.exec(service.network_mode ?? '')?.[1];
    if (shared !== undefined) {
      t.true(Object.hasOwn(services, shared), `${name}: ${shared}`);
      t.is(service.networks, undefined, `${name}: Compose refuses both`);
    }
    for (const port of service.ports ?? []) t.regex(port, /^127\.0\.0\.1:/, `${name} is open to the network`);
    if (service.build)
      t.true(
        existsSync(new URL(`compose/${service.build.context}/${service.build.dockerfile}`, new URL('deploy/', ROOT))),
      );
  }
  const caller = configOf(loadText(deployed('compose/config/caller.yaml')));
  const hosts = JSON.stringify([...caller.registries.values()]).matchAll(/http:\/\/([\w-]+):/g);
  for (const [, host = ''] of hosts) t.true(Object.hasOwn(services, host), host);
});

test('the unit starts the program of the package, reloads by SIGHUP, and waits for longer than the drain', (t) => {
  const unit = deployed('systemd/outrigger.service');
  const [, started = ''] = /^ExecStart=(.*)$/m.exec(unit) ?? [];
  const [node, program = '', ...args] = started.split(' ');
  t.is(node, '/usr/bin/node');
  t.is(program, `/opt/outrigger/${manifest.bin.outrigger}`);
  t.is(parseCommandLine(args, {}, '/').kind, 'run');
  t.regex(unit, /^ExecReload=.*-HUP \$MAINPID$/m);
  const { drainGraceMs } = configOf(loadText(deployed('compose/config/caller.yaml')));
  t.true(Number(/^TimeoutStopSec=(\d+)$/m.exec(unit)?.[1]) * 1000 > drainGraceMs);
  t.false(/^MemoryDenyWriteExecute=yes/m.test(unit), "V8's compiler writes code");
});

test('the unit has a place for unix sockets, which its group may open and nobody else', (t) => {
  const unit = deployed('systemd/outrigger.service');
  const value = (key: string): string => new RegExp(`^${key}=(.*)$`, 'm').exec(unit)?.[1] ?? '';
  const [, socket = ''] = /listen: (unix:\/\S+)`/.exec(unit) ?? [];
  t.true(socket.startsWith(`unix:/run/${value('RuntimeDirectory')}/`), socket);
  t.notThrows(() =>
    configOf(
      loadText(
        `listen: ${socket}\nregistries: { here: { type: static } }\nservices: { book: { instances: [{ address: 127.0.0.1:1 }] } }\n`,
      ),
    ),
  );
  // Who connects to a socket needs the right to write to it (unix(7)), and to pass its directory.
  t.is(0o777 & ~Number.parseInt(value('UMask'), 8), 0o770);
  t.is(value('RuntimeDirectoryMode'), '0750');
});

test('the package that the unit tells to copy has all that the unit names', (t) => {
  const unit = deployed('systemd/outrigger.service');
  const listed = /the package \(([^)]*)\)/.exec(unit)?.[1]?.split(/,[\s#]*/) ?? [];
  const named = [...unit.matchAll(/\/opt\/outrigger\/([\w.]+\/?)/g)].map(([, file = '']) => file);
  t.deepEqual(named.sort(), ['README.md', 'dist/']);
  for (const file of named) t.true(listed.includes(file), file);
});

serialTestWith('systemd-analyze')('systemd finds nothing wrong with the unit', (t) => {
  const file = new URL('../../deploy/systemd/outrigger.service', import.meta.url).pathname;
  const { stdout, stderr, status } = spawnSync('systemd-analyze', ['verify', file], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  // Not here: the program that it starts.
  const complaints = (stdout + stderr)
    .split('\n')
    .filter((line) => line.includes('outrigger.service') && !/not executable|No such file/.test(line));
  t.deepEqual(complaints, [], String(status));
});
