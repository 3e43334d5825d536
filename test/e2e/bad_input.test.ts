import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import test from 'ava';
import { connectEcho } from '../support/echo_client.ts';
import { startGrpcServer } from '../support/grpc_server.ts';
import { ANY_PORTS, runOutrigger, startSidecar, temporaryDirectory } from '../support/sidecar.ts';

function configFile(text: string): string {
  const file = join(temporaryDirectory(), 'outrigger.yaml');
  writeFileSync(file, text);
  return file;
}

const GOOD = `listen: 127.0.0.1:0
registries:
  here: { type: static }
services:
  book: { instances: [{ address: "127.0.0.1:1" }] }
`;

for (const command of ['run', 'check']) {
  test.serial(
    `${command}: every problem of a config is told at once, with line, column and key, and the exit code is 2`,
    async (t) => {
      const file = configFile(`${GOOD}listne: 127.0.0.1:15001
workers: many
discover: { registry: nowhere, path: "/services/{service}/" }
`);
      const { code, output } = await runOutrigger([command, '--config', file]);
      t.is(code, 2, output);
      t.regex(output, /outrigger\.yaml:6:1\b/, 'line and column of the unknown key');
      t.regex(output, /listne/);
      t.regex(output, /outrigger\.yaml:7:\d+/);
      t.regex(output, /workers/);
      t.regex(output, /outrigger\.yaml:8:\d+/);
      t.regex(output, /nowhere/);
      t.notRegex(output, /^\s+at .*\.ts:\d+/m, 'no stack trace');
    },
  );

  test.serial(`${command}: text that is no YAML is told with its place, exit code 2`, async (t) => {
    const { code, output } = await runOutrigger([command, '--config', configFile('services: [\n  }')]);
    t.is(code, 2, output);
    t.regex(output, /outrigger\.yaml:2:\d+/);
    t.notRegex(output, /^\s+at .*\.ts:\d+/m);
  });

  test.serial(`${command}: a config file that is not there is named, exit code 2`, async (t) => {
    const { code, output } = await runOutrigger([command, '--config', '/no/such/outrigger.yaml']);
    t.is(code, 2, output);
    t.regex(output, /\/no\/such\/outrigger\.yaml/);
    t.notRegex(output, /^\s+at .*\.ts:\d+/m);
  });

  test.serial(
    `${command}: a directory in place of the config file is an error with its name, exit code 2`,
    async (t) => {
      const directory = join(temporaryDirectory(), 'a-directory');
      mkdirSync(directory);
      const { code, output } = await runOutrigger([command, '--config', directory]);
      t.is(code, 2, output);
      t.regex(output, /a-directory/);
    },
  );

  test.serial(`${command}: an unknown flag is told together with what there is, exit code 2`, async (t) => {
    const { code, output } = await runOutrigger([command, '--cofnig', 'x']);
    t.is(code, 2, output);
    t.regex(output, /--cofnig/);
  });
}

test.serial('check: a good config is said to be good, exit code 0', async (t) => {
  const { code, output } = await runOutrigger(['check', '--config', configFile(GOOD)]);
  t.is(code, 0, output);
});

test.serial('an unknown command is told together with the commands there are, exit code 2', async (t) => {
  const { code, output } = await runOutrigger(['rnu']);
  t.is(code, 2, output);
  t.regex(output, /rnu/);
  t.regex(output, /\brun\b/);
});

test.serial('--help explains the commands, with exit code 0', async (t) => {
  for (const args of [['--help'], ['run', '--help'], ['check', '--help'], ['demo', '--help']]) {
    const { code, stdout } = await runOutrigger(args);
    t.is(code, 0, args.join(' '));
    t.regex(stdout, /outrigger (run|demo|check)/i, args.join(' '));
  }
});

for (const [key, what] of [
  ['listen', 'the proxy'],
  ['admin', 'the admin port'],
  ['telemetry', 'the telemetry port'],
] as const) {
  test.serial(
    `a port in use (${what}) is named with its address, and the process ends instead of hanging`,
    async (t) => {
      const occupied = createServer().listen(0, '127.0.0.1');
      await once(occupied, 'listening');
      const { port } = occupied.address() as { port: number };
      const file = configFile(
        JSON.stringify({
          ...ANY_PORTS,
          [key]: `127.0.0.1:${port}`,
          registries: { here: { type: 'static' } },
          services: { book: { instances: [{ address: '127.0.0.1:1' }] } },
        }),
      );
      const { code, output } = await runOutrigger(['run', '--config', file]);
      occupied.close();
      t.true(code === 1 || code === 2, `exit code ${code}: ${output}`);
      t.true(output.includes(`127.0.0.1:${port}`), output);
      t.regex(output, /the address is in use/);
      t.true(output.includes(`sport = :${port}`), output);
      t.notRegex(output, /^\s+at .*\.ts:\d+/m);
    },
  );
}

test.serial(
  'a registry file that is missing at first costs nothing but its own service, until it appears',
  async (t) => {
    const server = await startGrpcServer({ name: 'from file' });
    const path = join(temporaryDirectory(), 'instances.yaml');
    const sidecar = await startSidecar({
      registries: { records: { type: 'file', path }, here: { type: 'static' } },
      services: {
        book: { registry: 'records' },
        echo: { registry: 'here', instances: [{ address: server.address }] },
      },
    });
    const echo = connectEcho(sidecar.address, 'echo');
    const book = connectEcho(sidecar.address, 'book');
    try {
      t.is((await echo.unary('x', { deadlineMs: 20_000 })).code, 0);
      t.is((await book.unary('x', { deadlineMs: 20_000 })).code, 14);
      writeFileSync(path, `services: { book: [{ address: "${server.address}" }] }`);
      await sidecar.untilReady('book', 1);
      t.is((await book.unary('x', { deadlineMs: 20_000 })).replies[0]?.name, 'from file');
      writeFileSync(path, 'services: { book: [{ addr');
      t.is(
        (await book.unary('x', { deadlineMs: 20_000 })).code,
        0,
        'a file that became unreadable does not empty the set',
      );
    } finally {
      echo.close();
      book.close();
      await sidecar.kill();
      server.stop();
    }
  },
);
