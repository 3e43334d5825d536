import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { styleText } from 'node:util';
import { describeError, OutriggerError } from '../base/errors.ts';
import {
  type Answer,
  type BookClient,
  type BookInstance,
  connectBookClient,
  startBookInstance,
} from './demo/book_service.ts';
import { createRegistryFile, type RegistryFile } from './demo/registry_file.ts';
import { freeAddress, type SidecarProcess, startSidecarProcess } from './demo/sidecar_process.ts';
import { table } from './demo/table.ts';
import { callMany, startTraffic, type Tally } from './demo/tally.ts';

/** Calls under way at once while the set of instances changes. */
const WIDTH = 20;
/** Longest wait for a change in the registry to show in the traffic. It takes milliseconds; this says when to give up. */
const CHANGE_TIMEOUT_MS = 10_000;

const say = (line = '') => process.stdout.write(`${line}\n`);
const heading = (line: string) => say(styleText('bold', line, { stream: process.stdout }));
const milliseconds = (since: number) => `${Math.round(performance.now() - since)} ms`;

/**
 * The `demo` command: a sidecar in a process of its own, three instances of a small gRPC service, calls through the sidecar, and a
 * table of who answered; then an instance comes and one goes while calls go on. With `--keep` it all goes on running afterwards.
 * Resolves with the exit code: 0 when no call failed, else 1.
 */
export async function runDemo(args: readonly string[]): Promise<number> {
  const keep = args.includes('--keep');
  const registry = createRegistryFile();
  const instances: BookInstance[] = [];
  let sidecar: SidecarProcess | null = null;
  let client: BookClient | null = null;
  try {
    for (const [name, version] of [
      ['book-1', 'v1'],
      ['book-2', 'v1'],
      ['book-3', 'v2'],
    ] as const) {
      instances.push(await startBookInstance(name, version));
    }
    sidecar = await startSidecar(registry, instances);
    client = connectBookClient(sidecar.address);
    introduce(registry, instances, sidecar);
    // From here on the shares in the table are exact.
    await untilListed(
      sidecar,
      'every instance has a connection',
      (listed) => listed.length === instances.length && listed.every(({ state }) => state === 'ready'),
    );

    const failed = (await showPicking(client, instances)) + (await showChange(client, sidecar, registry, instances));
    say();
    if (failed > 0) {
      say(`${failed} failed. What the sidecar printed:\n\n${sidecar.output()}`);
      return 1;
    }
    heading('Every call was answered, none failed.');
    if (keep) await keepRunning(registry, sidecar);
    else explore();
    return 0;
  } catch (error) {
    const hint = error instanceof OutriggerError && error.hint ? `\n  ${error.hint}` : '';
    process.stderr.write(`outrigger demo: ${describeError(error)}${hint}\n`);
    return 1;
  } finally {
    client?.close();
    await sidecar?.stop();
    for (const instance of instances) instance.kill();
    registry.remove();
  }
}

async function startSidecar(registry: RegistryFile, instances: readonly BookInstance[]): Promise<SidecarProcess> {
  registry.write(instances);
  const [listen, admin, telemetry] = await Promise.all(
    [15_001, 15_000, 15_020].map((port) => freeAddress('127.0.0.1', port)),
  );
  registry.writeConfig(`listen: ${listen}
admin: ${admin}
telemetry: ${telemetry}
registries:
  demo: { type: file, path: ${JSON.stringify(registry.path)} }
services:
  book: { registry: demo }
`);
  return startSidecarProcess(registry.configPath);
}

function introduce(registry: RegistryFile, instances: readonly BookInstance[], sidecar: SidecarProcess): void {
  heading('Outrigger: one sidecar, three instances of a gRPC service, real calls');
  say();
  say(`  registry   ${registry.path} (a file here; yours would be etcd)`);
  for (const [i, { name, version, address }] of instances.entries()) {
    say(`  ${i === 0 ? 'instances' : '         '}  ${name}  ${version}  ${address}`);
  }
  say(`  sidecar    ${sidecar.address}, process ${sidecar.pid}`);
  if (!sidecar.address.endsWith(':15001')) {
    say('             (port 15001, its usual one, is taken on this machine: the system chose another)');
  }
  say();
  say(`The app knows one address, ${sidecar.address}, and the name of the service, "book".`);
  say();
}

interface ListedInstance {
  readonly address: string;
  readonly state: string;
}

/** Waits until the sidecar's own list of instances is as `wanted` says. */
async function untilListed(
  sidecar: SidecarProcess,
  what: string,
  wanted: (listed: readonly ListedInstance[]) => boolean,
): Promise<void> {
  const deadline = performance.now() + CHANGE_TIMEOUT_MS;
  let last = 'no answer';
  while (performance.now() < deadline) {
    try {
      const response = await fetch(`${sidecar.admin}/services`, { signal: AbortSignal.timeout(CHANGE_TIMEOUT_MS) });
      const services = (await response.json()) as { name: string; instances: ListedInstance[] }[];
      const listed = services.find(({ name }) => name === 'book')?.instances ?? [];
      if (wanted(listed)) return;
      last = listed.map(({ address, state }) => `${address} ${state}`).join(', ') || 'no instance of "book"';
    } catch (error) {
      last = describeError(error);
    }
    await sleep(10);
  }
  throw new OutriggerError('demo_timeout', `waited ${CHANGE_TIMEOUT_MS / 1000} s until ${what}; last seen: ${last}`, {
    hint: `the sidecar printed:\n${sidecar.output()}`,
  });
}

/** Who answers with and without `x-version`. Returns the number of calls that failed and should not have. */
async function showPicking(client: BookClient, instances: readonly BookInstance[]): Promise<number> {
  const rows: [string, Tally][] = [];
  const add = async (label: string, calls: number, call: () => Promise<Answer>) => {
    rows.push([label, await callMany(calls, 1, call)]);
  };
  await add('unary', 30, () => client.getBook());
  await add('unary, x-version: v1', 30, () => client.getBook('v1'));
  await add('unary, x-version: v2', 30, () => client.getBook('v2'));
  await add('server stream', 30, () => client.listBooks());
  await add('server stream, x-version: v2', 30, () => client.listBooks('v2'));
  await add('bidirectional stream', 30, () => client.discuss());
  printTallies(rows, instances);

  const nobody = await client.getBook('v9');
  say();
  say('  unary, x-version: v9: nobody has v9, so the sidecar itself answers, as it should:');
  if (nobody.ok || nobody.status !== 14) {
    say(
      `  ${nobody.ok ? `answered by ${nobody.instance}` : `status ${nobody.status}: ${nobody.message}`}: NOT EXPECTED`,
    );
    return failures(rows) + 1;
  }
  say(`  status ${nobody.status}, ${nobody.message}`);
  return failures(rows);
}

/** Adds an instance and takes one away under traffic. Returns the number of failed calls. */
async function showChange(
  client: BookClient,
  sidecar: SidecarProcess,
  registry: RegistryFile,
  instances: BookInstance[],
): Promise<number> {
  say();
  heading(`Now an instance comes and one goes, with ${WIDTH} calls under way all the time`);
  say();
  const everybody = [...instances];
  const traffic = startTraffic(WIDTH, () => client.getBook());
  try {
    await traffic.more(500);

    const added = await startBookInstance('book-4', 'v2');
    instances.push(added);
    everybody.push(added);
    const put = performance.now();
    registry.write(instances);
    if (!(await traffic.reaches(added.name, CHANGE_TIMEOUT_MS))) {
      throw new OutriggerError('demo_not_added', `${added.name} stands in the registry and got no call`);
    }
    say(`  + book-4 (v2) written to the registry: its first call came ${milliseconds(put)} later`);
    await traffic.more(500);

    const leaving = instances.shift() as BookInstance;
    const gone = performance.now();
    registry.write(instances);
    await untilListed(
      sidecar,
      `${leaving.name} gets no new calls`,
      (listed) => !listed.some(({ address, state }) => address === leaving.address && state !== 'draining'),
    );
    const noticed = milliseconds(gone);
    await leaving.shutDown();
    say(
      `  - ${leaving.name} (${leaving.version}) taken out of the registry: no new call after ${noticed}; then shut down`,
    );
    await traffic.more(500);
  } finally {
    await traffic.stop();
  }
  say();
  printTallies([['unary', traffic.tally]], everybody);
  return traffic.tally.failed;
}

function printTallies(rows: readonly (readonly [string, Tally])[], instances: readonly BookInstance[]): void {
  const lines = table(
    ['calls', 'made', ...instances.map(({ name, version }) => `${name} ${version}`), 'failed'],
    rows.map(([label, tally]) => [
      label,
      String(tally.calls),
      ...instances.map(({ name }) => String(tally.byInstance.get(name) ?? '-')),
      String(tally.failed),
    ]),
  );
  for (const line of lines) say(`  ${line}`);
  for (const [label, tally] of rows) {
    for (const [failure, count] of tally.failures) say(`  FAILED, ${label}: ${count} x ${failure}`);
  }
}

function failures(rows: readonly (readonly [string, Tally])[]): number {
  return rows.reduce((sum, [, tally]) => sum + tally.failed, 0);
}

function explore(): void {
  say();
  say('  npm run demo -- --keep     leaves it running, to try it by hand');
  say('  README.md                  five lines of config for your own etcd');
}

/** Prints where everything is, and waits for Ctrl-C or SIGTERM. */
async function keepRunning(registry: RegistryFile, sidecar: SidecarProcess): Promise<void> {
  say();
  say('It goes on running. Try:');
  say();
  say(`  curl ${sidecar.admin}/services            who is there, in what state`);
  say(`  curl ${sidecar.telemetry}/metrics             what Prometheus scrapes`);
  say(`  grpcurl -plaintext -authority book -H 'x-version: v2' ${sidecar.address} book.BookService/GetBook`);
  say(`  edit ${registry.path}   the sidecar follows`);
  say();
  say('Ctrl-C ends it.');
  // Signals are the only way out: without something that waits, an idle process would end here.
  const alive = setInterval(() => {}, 60_000);
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  clearInterval(alive);
}
