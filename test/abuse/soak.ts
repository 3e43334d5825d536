/**
 * All attacks at once, over and over, on one sidecar, beside an ordinary app:
 *
 *     npm run attack [-- --minutes 10]
 *
 * prints resident memory every ten seconds and, at the end, how many ordinary calls there were and how many failed; exits with 1 when any
 * did, or when memory grew in the second half.
 */

import { parseArgs } from 'node:util';
import type { AttackResult } from '../support/attacker.ts';
import { ATTACKS } from '../support/attacks.ts';
import { type Process, startProcess } from '../support/process.ts';
import { ROGUE_ATTACKS } from '../support/rogue_attacks.ts';
import { Scene } from './attack_suite.ts';
import { callRogue, startRogue } from './rogues.ts';

const MIB = 1024 * 1024;
/** Attackers at the same time. */
const PARALLEL = 3;
const SAMPLE_MS = 10_000;
const SLOW_MS = 15_000;
/** What memory may be more at the end than at half-time, in octets: a heap is never the same twice. */
const FLAT = 60 * MIB;
const ATTACKER = new URL('../support/attacker.ts', import.meta.url).pathname;

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '10' } } });
const until = Date.now() + Number(values.minutes) * 60_000;

const { rogue, services } = await startRogue();
const scene = await Scene.start(
  { clients: { header_timeout: '1s', idle_timeout: '3s', stall_timeout: '2s' } },
  services,
);
const running = new Set<Process>();
const done = new Map<string, number>();
const failures: string[] = [];
const names = Object.keys(ATTACKS);
let next = 0;

/** One attacker after the other, each another attack. */
async function attack(): Promise<void> {
  while (Date.now() < until) {
    const name = names[next++ % names.length] as string;
    const attacker = startProcess(process.execPath, [ATTACKER, scene.sidecar.address, name]);
    running.add(attacker);
    const startedAt = Date.now();
    await attacker.exited;
    running.delete(attacker);
    const took = Date.now() - startedAt;
    if (took > SLOW_MS) console.log(`${name} took ${Math.round(took / 1_000)} s`);
    const [line] = /^\{.*\}$/m.exec(attacker.stdout()) ?? [];
    const { error } = line === undefined ? { error: attacker.output() } : (JSON.parse(line) as AttackResult);
    if (error !== null) failures.push(`${name}: ${error}`);
    done.set(name, (done.get(name) ?? 0) + 1);
  }
}

/** Calls to instances that break the rules. */
async function callRogues(): Promise<void> {
  const rogues = Object.keys(ROGUE_ATTACKS);
  for (let i = 0; Date.now() < until; i++) await callRogue(scene.sidecar.address, rogues[i % rogues.length] as string);
}

const samples: number[] = [];
const sampler = setInterval(() => {
  samples.push(scene.sidecar.rss());
  const attacks = [...done.values()].reduce((sum, count) => sum + count, 0);
  console.log(
    `${new Date().toISOString()} ${Math.round((samples.at(-1) ?? 0) / MIB)} MiB resident, ${attacks} attacks`,
  );
}, SAMPLE_MS);
await Promise.all([callRogues(), ...Array.from({ length: PARALLEL }, attack)]);
clearInterval(sampler);
const { calls, failed, failures: why, slowestMs } = await scene.ordinary();
const half = samples.slice(Math.floor(samples.length / 2));
const [middle, last] = [half[0] ?? 0, half.at(-1) ?? 0];
console.log(`${calls} ordinary calls, ${failed} failed, the slowest took ${slowestMs} ms`);
for (const failure of why) console.log(`  ${failure}`);
console.log(`memory: ${Math.round(middle / MIB)} MiB at half-time, ${Math.round(last / MIB)} MiB at the end`);
for (const failure of new Set(failures)) console.log(`not carried out: ${failure}`);
await scene.stop();
await rogue.kill();
process.exit(failed > 0 || last - middle > FLAT ? 1 : 0);
