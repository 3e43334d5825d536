import * as grpc from '@grpc/grpc-js';
import { type Process, startProcess } from '../support/process.ts';

const ROGUE = new URL('../support/rogue_instance.ts', import.meta.url).pathname;
const DEADLINE_MS = 20_000;

/** Instances that break the rules, in a process of their own; and the services of the config, one for each and with its name. */
export async function startRogue(): Promise<{ rogue: Process; services: Record<string, object> }> {
  // It waits for its requests for as long as the tests before take.
  const rogue = startProcess(process.execPath, [ROGUE], { env: { OUTRIGGER_TEST_PATIENCE: '6000000' } });
  const [line] = await rogue.waitFor(/^\{.*\}$/m);
  const ports = Object.entries(JSON.parse(line) as Record<string, number>);
  const services = Object.fromEntries(
    ports.map(([name, port]) => [name, { instances: [{ address: `127.0.0.1:${port}` }] }]),
  );
  return { rogue, services };
}

/** Calls the service of that name; resolves with the status. */
export async function callRogue(address: string, name: string): Promise<grpc.StatusObject> {
  const client = new grpc.Client(address, grpc.credentials.createInsecure(), {
    'grpc.default_authority': name,
    'grpc.enable_retries': 0,
  });
  const same = (octets: Buffer): Buffer => octets;
  const deadline = Date.now() + DEADLINE_MS;
  const status = await new Promise<grpc.StatusObject>((resolve) => {
    client.makeUnaryRequest('/rogue/call', same, same, Buffer.from('x'), { deadline }, () => {}).on('status', resolve);
  });
  client.close();
  return status;
}
