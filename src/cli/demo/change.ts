import { OutriggerError } from '../../base/errors.ts';
import type { BookClient } from './book_client.ts';
import { type BookInstance, startBookInstance } from './book_instance.ts';
import { CHANGE_TIMEOUT_MS, untilListed } from './listed.ts';
import { heading, printTallies, say } from './print.ts';
import type { RegistryFile } from './registry_file.ts';
import type { SidecarProcess } from './sidecar_process.ts';
import { startTraffic } from './tally.ts';

/** Calls under way at once while the set of instances changes. */
const WIDTH = 20;

const milliseconds = (since: number) => `${Math.round(performance.now() - since)} ms`;

/** Adds an instance and takes one away under traffic. Returns the number of failed calls. */
export async function showChange(
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
