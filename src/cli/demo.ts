import { describeError, OutriggerError } from '../base/errors.ts';
import { type BookClient, connectBookClient } from './demo/book_client.ts';
import { type BookInstance, startBookInstance } from './demo/book_instance.ts';
import { showChange } from './demo/change.ts';
import { untilListed } from './demo/listed.ts';
import { showPicking } from './demo/picking.ts';
import { heading, say } from './demo/print.ts';
import { createRegistryFile, type RegistryFile } from './demo/registry_file.ts';
import { freeAddress, type SidecarProcess, startSidecarProcess } from './demo/sidecar_process.ts';

/** As a shell reports a program that Ctrl-C ended. */
const INTERRUPTED = 130;

/**
 * The `demo` command: a sidecar in a process of its own, three instances of a small gRPC service, calls through the sidecar, and a
 * table of who answered; then an instance comes and one goes while calls go on. With `--keep` it all goes on running afterwards.
 * Resolves with the exit code: 0 when no call failed, else 1.
 */
export async function runDemo(args: readonly string[]): Promise<number> {
  const registry = createRegistryFile();
  const instances: BookInstance[] = [];
  let sidecar: SidecarProcess | null = null;
  let client: BookClient | null = null;
  let interrupted = false;
  let kept = false;
  const signalled = new Promise<number>((resolve) => {
    const stop = () => {
      interrupted = true;
      resolve(INTERRUPTED);
    };
    process.once('SIGINT', stop);
    process.once('SIGTERM', stop);
  });

  const story = async (): Promise<number> => {
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
    if (!args.includes('--keep')) {
      explore();
      return 0;
    }
    explainKept(registry, sidecar);
    kept = true;
    await signalled;
    return 0;
  };

  try {
    const code = await Promise.race([story(), signalled]);
    return kept ? 0 : code;
  } catch (error) {
    const hint = error instanceof OutriggerError && error.hint ? `\n  ${error.hint}` : '';
    process.stderr.write(`outrigger demo: ${describeError(error)}${hint}\n`);
    return 1;
  } finally {
    await (sidecar as SidecarProcess | null)?.stop();
    registry.remove();
    // The story was cut off in the middle of its calls: nothing else would end it.
    if (interrupted && !kept) process.exit(INTERRUPTED);
    (client as BookClient | null)?.close();
    for (const instance of instances) instance.kill();
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
  say(`  page       ${sidecar.admin}/`);
  if (!sidecar.address.endsWith(':15001')) {
    say('             (port 15001, its usual one, is taken on this machine: the system chose another)');
  }
  say();
  say(`The app knows one address, ${sidecar.address}, and the name of the service, "book".`);
  say();
}

function explore(): void {
  say();
  const again = process.env.npm_lifecycle_event === 'demo' ? 'npm run demo -- --keep' : 'outrigger demo --keep';
  say(`  ${again.padEnd(25)}  leaves it running, with its page, to try it by hand`);
  say('  README.md                  five lines of config for your own etcd');
}

/** Where everything is, for trying it by hand. */
function explainKept(registry: RegistryFile, sidecar: SidecarProcess): void {
  say();
  say('It goes on running. Try:');
  say();
  say(`  open ${sidecar.admin}/ in a browser   the page: who is there, how they do, and why this instance`);
  say(`  curl ${sidecar.admin}/services            who is there, in what state`);
  say(`  curl ${sidecar.telemetry}/metrics             what Prometheus scrapes`);
  say(`  grpcurl -plaintext -authority book -H 'x-version: v2' ${sidecar.address} book.BookService/GetBook`);
  say(`  edit ${registry.path}   the sidecar follows`);
  say();
  say('Ctrl-C ends it.');
}
