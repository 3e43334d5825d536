import { readFileSync } from 'node:fs';
import type { ExecutionContext } from 'ava';
import { type Limits, MAX_HELD, MAX_UNWRITTEN } from '../../src/http2/limits.ts';
import type { AttackResult } from '../support/attacker.ts';
import { ATTACKS, type Attack } from '../support/attacks.ts';
import { type GrpcProcess, startGrpcProcess } from '../support/grpc_process.ts';
import type { OrdinaryCalls } from '../support/ordinary_calls.ts';
import { type Process, startProcess } from '../support/process.ts';
import { type Sidecar, startSidecar } from '../support/sidecar.ts';

const ATTACKER = new URL('../support/attacker.ts', import.meta.url).pathname;
const ORDINARY = new URL('../support/ordinary_calls.ts', import.meta.url).pathname;
/** Attacks that are over when a time limit ends: they need one that is short. */
export const TIMED = [
  'preface_unfinished',
  'headers_unfinished',
  'frame_unfinished',
  'zero_window',
  'slow_read',
  'idle',
];
const MIB = 1024 * 1024;
/** CPU that a sidecar may spend on one attack and the ordinary calls beside it, in seconds: far below what is possible, and far above what is usual. */
const CPU_BOUND = 8;
/** Garbage that has not been collected yet, and what the heap keeps of it for the next time. */
const SLACK = 128 * MIB;
/** Patience with an attack, in milliseconds. */
const ATTACK_TIME = 60_000;

/** What a sidecar may hold for `connections` offenders: `limits.ts` says why. */
export function memoryBound(limits: Limits, connections: number): number {
  const each =
    limits.connectionWindow +
    limits.maxHeldHeaders +
    2 * (limits.maxBufferedControl + limits.maxBufferedHeaders + MAX_UNWRITTEN);
  return MAX_HELD + connections * each + SLACK;
}

/** A sidecar process with two instances behind it and an ordinary app before it, each in a process of its own. */
export class Scene {
  readonly sidecar: Sidecar;
  readonly #instances: readonly GrpcProcess[];
  readonly #ordinary: Process;
  /** Resident memory when nothing but ordinary calls had been made. */
  readonly #calm: number;

  private constructor(sidecar: Sidecar, instances: readonly GrpcProcess[], ordinary: Process) {
    this.sidecar = sidecar;
    this.#instances = instances;
    this.#ordinary = ordinary;
    this.#calm = sidecar.rss();
  }

  static async start(config: object = {}, services: object = {}): Promise<Scene> {
    const instances = await Promise.all([startGrpcProcess({ name: 'a' }), startGrpcProcess({ name: 'b' })]);
    const sidecar = await startSidecar({
      registries: { here: { type: 'static' } },
      ...config,
      services: { echo: { instances: instances.map(({ address }) => ({ address })) }, ...services },
    });
    await sidecar.untilReady('echo', 2);
    const ordinary = startProcess(process.execPath, [ORDINARY, sidecar.address, 'echo']);
    await ordinary.waitFor(/calling/);
    return new Scene(sidecar, instances, ordinary);
  }

  /** How often the sidecar has counted each token, on either side. */
  async tokens(): Promise<Map<string, number>> {
    const response = await fetch(`${this.sidecar.telemetry}/metrics`);
    const counts = new Map<string, number>();
    for (const [, labels, value] of (await response.text()).matchAll(
      /^outrigger_protocol_errors_total\{(.*)\} (\d+)$/gm,
    )) {
      const token = /token="(\w+)"/.exec(labels as string)?.[1] as string;
      counts.set(token, (counts.get(token) ?? 0) + Number(value));
    }
    return counts;
  }

  /** CPU time of the sidecar so far, in seconds. */
  #cpu(): number {
    const stat = readFileSync(`/proc/${this.sidecar.process.pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  }

  /** What `work` costs the sidecar: CPU seconds, and the most memory beyond that of calm times, in octets. */
  async cost<T>(work: () => Promise<T>): Promise<{ result: T; cpu: number; memory: number }> {
    const cpu = this.#cpu();
    let most = this.sidecar.rss();
    const watch = setInterval(() => {
      most = Math.max(most, this.sidecar.rss());
    }, 50);
    try {
      const result = await work();
      return { result, cpu: this.#cpu() - cpu, memory: Math.max(most, this.sidecar.rss()) - this.#calm };
    } finally {
      clearInterval(watch);
    }
  }

  /** Runs one attack against the sidecar from a process of its own, and checks all that must be true of it. */
  async attack(t: ExecutionContext<unknown>, name: string, limits: Limits): Promise<void> {
    const { expected } = ATTACKS[name] as Attack;
    const before = await this.tokens();
    const { result, cpu, memory } = await this.cost(async () => {
      const attacker = startProcess(process.execPath, [ATTACKER, this.sidecar.address, name]);
      const [line] = await attacker.waitFor(/^\{.*\}$/m, ATTACK_TIME);
      await attacker.exited;
      return JSON.parse(line) as AttackResult;
    });
    const said = JSON.stringify(result);
    t.is(result.error, null, said);
    const after = await this.tokens();
    const grew = (token: string): boolean => (after.get(token) ?? 0) > (before.get(token) ?? 0);
    for (const token of expected.tokens) t.true(grew(token), `${token} was not counted; ${said}`);
    if (expected.goaway !== undefined) {
      // Whoever sends on and does not read for long enough may lose it; nobody gets another one.
      const codes = new Set(Object.keys(result.goaways).map((key) => key.split(' ')[0]));
      t.deepEqual([...codes], [expected.goaway], said);
    } else t.deepEqual(result.goaways, {}, said);
    if (expected.reset !== undefined) t.true((result.resets[expected.reset] ?? 0) > 0, said);
    if (expected.status !== undefined) t.true((result.statuses[expected.status] ?? 0) > 0, said);
    const bound = memoryBound(limits, 1);
    t.true(memory < bound, `${Math.round(memory / MIB)} MiB more than in calm times, bound ${Math.round(bound / MIB)}`);
    t.true(cpu < CPU_BOUND, `${cpu} s of CPU`);
    t.log(`${cpu.toFixed(2)} s of CPU, ${Math.round(memory / MIB)} MiB more than in calm times; ${said}`);
  }

  /** Ends the ordinary app and says what became of its calls. */
  async ordinary(): Promise<OrdinaryCalls> {
    this.#ordinary.signal('SIGTERM');
    const [line] = await this.#ordinary.waitFor(/^\{.*\}$/m, ATTACK_TIME);
    return JSON.parse(line) as OrdinaryCalls;
  }

  async stop(): Promise<void> {
    await this.#ordinary.kill();
    await this.sidecar.kill();
    for (const instance of this.#instances) await instance.kill();
  }
}
