/**
 * Instances that do not keep the rules, as a process of its own:
 *
 *     node test/support/rogue_instance.ts
 *
 * For each of `rogue_attacks.ts` it listens on a port of the system's choice, and prints one JSON line: the ports by name.
 */

import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { ROGUE_ATTACKS, type RogueAttack } from './rogue_attacks.ts';
import { WirePeer } from './wire_peer.ts';

/** Portions of an attack that never ends; far more than any limit. */
const MOST = 2_000;

async function serve(socket: Socket, attack: RogueAttack): Promise<void> {
  const peer = new WirePeer(socket, 'server').greet();
  while (!peer.ended) {
    const request = await peer.next('HEADERS');
    if (attack.first !== undefined) socket.write(attack.first(request.streamId));
    const octets = attack.answer(request.streamId);
    for (let i = 0; i < (attack.forever ? MOST : 1) && !peer.ended && !socket.destroyed; i++) {
      if (!socket.write(octets))
        await new Promise((resolve) => void socket.once('drain', resolve).once('close', resolve));
    }
  }
}

const ports: Record<string, number> = {};
for (const [name, attack] of Object.entries(ROGUE_ATTACKS)) {
  const server = createServer({ noDelay: true }, (socket) => {
    // It ends when the sidecar ends it, or when no more requests come.
    serve(socket, attack).catch(() => {});
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  ports[name] = (server.address() as AddressInfo).port;
}
console.log(JSON.stringify(ports));
