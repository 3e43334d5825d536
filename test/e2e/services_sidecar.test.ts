import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import test from 'ava';
import { connectEcho } from '../support/echo_client.ts';
import { startGrpcServer } from '../support/grpc_server.ts';
import { ANY_PORTS, runOutrigger, startSidecar, temporaryDirectory } from '../support/sidecar.ts';

const stoppers: (() => unknown)[] = [];
test.afterEach.always(async () => {
  for (const stop of stoppers.splice(0).reverse()) await stop();
});

async function echoes(admin: string = ANY_PORTS.admin) {
  const servers = [await startGrpcServer({ version: 'v1' }), await startGrpcServer({ version: 'v2' })];
  stoppers.push(() => servers.map((server) => server.stop()));
  const instances = servers.map(({ address, version }) => ({ address, version }));
  return { admin, registries: { here: { type: 'static' } }, services: { echo: { instances: [...instances] } } };
}

test.serial('services shows what the running sidecar knows of each instance, and what was sent to it', async (t) => {
  const config = await echoes();
  const sidecar = await startSidecar(config);
  stoppers.push(() => sidecar.kill());
  await sidecar.untilReady('echo', 2);
  const client = connectEcho(sidecar.address);
  stoppers.push(() => client.close());
  for (let i = 0; i < 4; i++) await client.unary('x');
  for (let i = 0; i < 4; i++) await client.unary('x', { metadata: [['x-version', 'v2']] });

  const admin = sidecar.admin.replace('http://', '');
  const { stdout, stderr, code } = await runOutrigger(['services', '--admin', admin]);
  t.is(code, 0, stderr);
  const [header, ...rows] = stdout.trimEnd().split('\n');
  t.is(
    header?.replace(/ +/g, ' '),
    'SERVICE ADDRESS VERSION WEIGHT ZONE STATE IN-FLIGHT REQUESTS FAILURES SHARE AGE STALE REASON',
  );
  const [first, second] = config.services.echo.instances;
  const cells = rows.map((row) => row.split(/ +/));
  t.deepEqual(
    cells.map((row) => [...row.slice(0, 10), ...row.slice(11)]),
    [
      ['echo', first?.address, 'v1', '1', '-', 'ready', '0', '2', '0', '25.0%', 'no', '-'],
      ['echo', second?.address, 'v2', '1', '-', 'ready', '0', '6', '0', '75.0%', 'no', '-'],
    ],
  );
  t.regex(cells[0]?.[10] ?? '', /^[\d.]+(ms|s|m)$/);

  // The address may be given as the sidecar prints it.
  const raw = await runOutrigger(['services', '--json', '--admin', `${sidecar.admin}/services`]);
  t.like(JSON.parse(raw.stdout), [{ name: 'echo', stale: false }]);
  const unknown = await runOutrigger(['services', 'book', '--admin', admin]);
  t.is(unknown.code, 1);
  t.regex(unknown.stderr, /knows no service "book"\n {2}hint: it knows: echo\n$/);
});

test.serial(
  'services finds the sidecar where the config or the environment says that its admin address is',
  async (t) => {
    const socket = join(temporaryDirectory(), 'admin.sock');
    const config = await echoes(`unix:${socket}`);
    const file = join(temporaryDirectory(), 'outrigger.yaml');
    writeFileSync(file, JSON.stringify(config));
    const without = await runOutrigger(['services', '--config', file]);
    t.is(without.code, 1);
    t.regex(without.stderr, /^no sidecar answers at unix:.*admin\.sock: .*ENOENT/);

    const server = createServer((_, response) =>
      response.end('[{"name":"echo","updated_ms_ago":null,"stale":true,"instances":[]}]'),
    );
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    stoppers.push(() => server.close());
    const cwd = temporaryDirectory();
    for (const result of [
      await runOutrigger(['services', 'echo', '--config', file]),
      await runOutrigger(['services'], { cwd, env: { OUTRIGGER_ADMIN: `unix:${socket}` } }),
    ]) {
      t.is(result.code, 0, result.stderr);
      t.regex(result.stdout, /\necho +- +- +- +- +no instance +- +- +- +- +never +stale +-\n$/);
    }
    // A config that somebody is at work on is no reason to be blind: the sidecar goes on with the one it had.
    writeFileSync(join(cwd, 'outrigger.yaml'), 'sevices: {}\n');
    const told = await runOutrigger(['services'], { cwd, env: { OUTRIGGER_ADMIN: `unix:${socket}` } });
    t.is(told.code, 0, told.stderr);
    const lost = await runOutrigger(['services'], { cwd });
    t.is(lost.code, 2);
    t.regex(lost.stderr, /unknown key[\s\S]*hint: .*--admin host:port/);
  },
);

test.serial('services says so when nobody answers, or somebody else does', async (t) => {
  const nobody = await runOutrigger(['services', '--admin', '127.0.0.1:1']);
  t.is(nobody.code, 1);
  t.is(nobody.stdout, '');
  t.regex(
    nobody.stderr,
    /^no sidecar answers at 127\.0\.0\.1:1: .*ECONNREFUSED.*\n {2}hint: start one with "outrigger run"/,
  );

  const web = createServer((request, response) => {
    if (request.url === '/services') response.end('<html>');
  });
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
  stoppers.push(() => web.close());
  const { port } = web.address() as { port: number };
  const other = await runOutrigger(['services', '--admin', `127.0.0.1:${port}`]);
  t.is(other.code, 1);
  t.regex(other.stderr, /is not the admin server of a sidecar \(status 200\)/);

  const wrong = await runOutrigger(['services', '--admin', 'nonsense']);
  t.is(wrong.code, 2);
  t.regex(wrong.stderr, /"nonsense" is no address/);
});
