/**
 * Attacks a sidecar, as a process of its own:
 *
 *     node test/support/attacker.ts 127.0.0.1:15001 rapid_reset [rounds]
 *
 * and prints one JSON line: how the sidecar answered.
 */

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorName } from '../../src/http2/frame/codes.ts';
import { ATTACKS, type Attack } from './attacks.ts';
import { eventually } from './eventually.ts';
import type { FrameType } from './wire_frames.ts';
import { WirePeer } from './wire_peer.ts';

/** How often the sidecar answered with what, by name. */
export interface AttackResult {
  readonly attack: string;
  readonly connections: number;
  /** By code and debug data: `ENHANCE_YOUR_CALM reset_flood`; the last one of each connection. */
  readonly goaways: Record<string, number>;
  readonly resets: Record<string, number>;
  readonly statuses: Record<string, number>;
  /** Why it could not be carried out; null when it was. */
  readonly error: string | null;
}

/** One connection of an attacker: sends what it likes as fast as the sidecar reads, and keeps an eye on what comes back. */
export class AttackConnection {
  readonly peer: WirePeer;
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.peer = new WirePeer(socket, 'client');
  }

  get ended(): boolean {
    return this.peer.ended || this.#socket.destroyed;
  }

  /** Streams that were reset. */
  get resets(): number {
    return this.peer.of('RST_STREAM').length;
  }

  send(...buffers: Buffer[]): void {
    if (!this.ended) this.peer.send(...buffers);
  }

  /** Sends, and waits until the sidecar has taken it. */
  async push(octets: Buffer): Promise<void> {
    if (this.ended) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#socket.once('close', resolve);
    this.#socket.write(octets, () => resolve());
    await promise;
    this.#socket.removeListener('close', resolve);
    // Lets what came back be seen.
    await new Promise<void>((done) => void setImmediate(done));
  }

  /** Waits until all that opens a connection has been said, if it has: nothing comes in between any more. */
  async settled(): Promise<void> {
    if (this.peer.greeted) await this.sync();
  }

  async sync(): Promise<void> {
    if (!this.ended) await this.peer.sync();
  }

  /** Waits until `count` frames of `type` have come. */
  async received(type: FrameType, count = 1): Promise<void> {
    await eventually(() => this.ended || this.peer.of(type).length >= count, 30_000);
  }

  pause(ms: number): Promise<void> {
    return sleep(ms);
  }

  stopReading(): void {
    this.peer.pause();
  }

  readAgain(): void {
    this.peer.resume();
  }

  /** Ends its own side. */
  finish(): void {
    this.#socket.end();
  }

  /** Waits until the sidecar has ended the connection. */
  async end(): Promise<void> {
    await eventually(() => this.ended, 30_000);
  }
}

/** Runs one attack over `rounds` connections, one after the other. */
export async function attack(address: string, name: string, rounds?: number): Promise<AttackResult> {
  const { run, silent, rounds: usual = 3 } = ATTACKS[name] as Attack;
  const result = { attack: name, connections: 0, goaways: {}, resets: {}, statuses: {}, error: null as string | null };
  const count = (into: Record<string, number>, key: string): void => {
    into[key] = (into[key] ?? 0) + 1;
  };
  const [host, port] = address.split(':');
  try {
    for (let round = 0; round < (rounds ?? usual); round++) {
      const socket = connect({ host: host as string, port: Number(port), noDelay: true, allowHalfOpen: true });
      await once(socket, 'connect');
      const connection = new AttackConnection(socket);
      const { peer } = connection;
      result.connections++;
      if (silent !== true) peer.greet();
      await run(connection).finally(() => {
        const last = peer.of('GOAWAY').at(-1);
        if (last !== undefined) count(result.goaways, `${errorName(last.errorCode)} ${last.debug}`.trim());
        for (const { errorCode } of peer.of('RST_STREAM')) count(result.resets, errorName(errorCode));
        for (const head of peer.of('HEADERS')) count(result.statuses, head.field(':status') ?? 'trailers');
        socket.destroy();
      });
    }
  } catch (error) {
    result.error = error instanceof Error ? error.message : String(error);
  }
  return result;
}

if (process.argv[1] === import.meta.filename) {
  const [address, name, rounds] = process.argv.slice(2);
  if (address === undefined || name === undefined || !Object.hasOwn(ATTACKS, name)) {
    throw new Error(`usage: attacker.ts ADDRESS ATTACK [ROUNDS]; attacks: ${Object.keys(ATTACKS).join(', ')}`);
  }
  const result = await attack(address, name, rounds === undefined ? undefined : Number(rounds));
  console.log(JSON.stringify(result));
  process.exit(0);
}
