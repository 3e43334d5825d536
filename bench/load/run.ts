/** `npm run bench`: see `--help` and bench/README.md. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { watchOthers } from './accounting.ts';
import { type Options, parseCommandLine } from './args.ts';
import { writeBodies } from './backends/bodies.ts';
import { killAll } from './children.ts';
import { type Context, scaledCount } from './context.ts';
import { helpText } from './help.ts';
import { chooseCpus, commitOf, describeMachine, pinTo, toolVersions } from './machine.ts';
import { installPackages, onPath } from './packages.ts';
import { PEERS } from './peers/all.ts';
import { outrigger } from './peers/outrigger.ts';
import type { Peer } from './peers/peer.ts';
import { figureTable, type Result, remarks, requestTable } from './report.ts';
import { saveResults } from './save.ts';
import { runInTurns } from './turns.ts';
import { WORKLOADS } from './workloads/all.ts';
import type { Workload } from './workloads/workload.ts';

const ROOT = new URL('../..', import.meta.url).pathname;
/** A machine that does this much besides is no place for absolute figures. */
const QUIET = 0.1;
/** What the workloads with requests need, by program: its Debian package. */
const LOAD_TOOLS = { h2load: 'nghttp2-client', nghttpd: 'nghttp2-server', taskset: 'util-linux' };

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function main(): Promise<number> {
  const parsed = parseCommandLine(process.argv.slice(2), {
    workloads: WORKLOADS,
    peers: PEERS.map(({ name }) => name),
  });
  if (parsed.kind === 'help') {
    process.stdout.write(helpText());
    return 0;
  }
  if (parsed.kind === 'usage') {
    say(parsed.message);
    return 2;
  }
  const { options } = parsed;
  if (process.platform !== 'linux') {
    say('the bench reads CPU time from /proc: it runs on Linux only');
    return 1;
  }
  if (options.build && !build()) return 1;
  const workloads = WORKLOADS.filter(({ id }) => options.workloads.includes(id));
  const beside = workloads.some((workload) => workload.kind === 'requests' && workload.withPeers);
  const asked = beside ? PEERS.filter(({ name }) => options.against.includes(name)) : [];
  if (options.install) installPackages(missingPackages(workloads, asked), say);
  const unmet = missingTools(workloads);
  if (unmet.length > 0) {
    say(`missing: ${unmet.map(([program, name]) => `${program} (Debian package ${name})`).join(', ')}`);
    return 1;
  }
  return measureAll(options, workloads, asked);
}

function build(): boolean {
  const { status } = spawnSync('npm', ['run', '-s', 'build'], { cwd: ROOT, stdio: ['ignore', 2, 2], timeout: 300_000 });
  if (status !== 0) say('the build failed; --no-build measures dist/ as it is');
  return status === 0;
}

/** Programs that the workloads themselves need, with their Debian packages. */
function toolsOf(workloads: readonly Workload[]): Record<string, string> {
  const requests = workloads.some(({ kind }) => kind === 'requests');
  const own = workloads.map((workload) => (workload.kind === 'figures' ? workload.needs : {}));
  const pinning = { taskset: LOAD_TOOLS.taskset };
  return Object.assign({}, pinning, requests ? LOAD_TOOLS : {}, ...own) as Record<string, string>;
}

function missingTools(workloads: readonly Workload[]): [string, string][] {
  return Object.entries(toolsOf(workloads)).filter(([program]) => !onPath(program));
}

function missingPackages(workloads: readonly Workload[], peers: readonly Peer[]): string[] {
  const packages = missingTools(workloads).map(([, name]) => name);
  for (const { needs } of peers) if (needs?.package && !onPath(needs.program)) packages.push(needs.package);
  return [...new Set(packages)];
}

async function measureAll(options: Options, workloads: readonly Workload[], asked: readonly Peer[]): Promise<number> {
  const versions: Record<string, string | null> = { outrigger: versionOfPeer(outrigger), ...toolVersions() };
  const missing: Record<string, string> = {};
  const peers: Peer[] = [];
  for (const peer of asked) {
    const found = peer.find();
    if (found.kind === 'missing') {
      missing[peer.name] = found.reason;
      say(`MISSING ${peer.name}: ${found.reason}`);
    } else {
      peers.push(peer);
      if (found.version !== '') versions[peer.name] = found.version;
    }
  }

  const cpus = chooseCpus();
  if (cpus.load === cpus.proxy)
    say('WARNING: only one CPU may be used; the proxies share it with the load, and figures mean little');
  const before = watchOthers();
  await delay(1_000);
  warnIfBusy('before the start', before());
  const directory = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'outrigger-bench-'));
  cleanUpAtExit(directory);
  pinTo(cpus.load);
  const context: Context = {
    options,
    loadCpu: cpus.load,
    proxyCpu: cpus.proxy,
    directory,
    root: ROOT,
    count: (normal) => scaledCount(options, normal),
    seconds: (normal) => (options.quick ? 1 : normal),
    say,
  };
  writeBodies(context);

  const meanwhile = watchOthers();
  const start = {
    date: new Date().toISOString(),
    commit: commitOf(ROOT),
    machine: describeMachine(),
    cpus,
    versions,
    missing,
    options,
  };
  const results: Result[] = [];
  let broken = 0;
  for (const workload of workloads) {
    say(`${workload.id}: ${workload.title}`);
    try {
      results.push(
        workload.kind === 'requests'
          ? { workload, rows: await runInTurns(context, workload, peers) }
          : { workload, figures: await workload.measure(context) },
      );
    } catch (error) {
      broken++;
      say(`${workload.id} COULD NOT BE MEASURED: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  const provenance = { ...start, others: meanwhile() };
  print(provenance, results);
  warnIfBusy('during the run', provenance.others);
  say(`written to ${saveResults(ROOT, provenance, results)}`);
  return broken === 0 ? 0 : 1;
}

function warnIfBusy(when: string, share: number): void {
  if (share <= QUIET) return;
  say(`WARNING: others used ${percent(share)} of the CPUs ${when}: only ratios mean anything, and those less`);
}

function percent(share: number): string {
  return `${Math.round(share * 100)}%`;
}

function versionOfPeer(peer: Peer): string | null {
  const found = peer.find();
  return found.kind === 'found' ? found.version : null;
}

function print(provenance: Parameters<typeof saveResults>[1], results: readonly Result[]): void {
  const { machine, commit, date, versions, missing, others, options } = provenance;
  const known = Object.entries(versions).map(([name, version]) => `${name} ${version ?? 'missing'}`);
  const out = [
    `${date}, commit ${commit}, ${options.rounds} rounds, medians${options.quick ? '; QUICK: NO FIGURES' : ''}`,
    `${machine.cpu}, ${machine.cpus} CPUs, ${machine.system}, Linux ${machine.kernel}; others used ${percent(others)} of the CPUs meanwhile`,
    known.join(', '),
    ...Object.entries(missing).map(([name, reason]) => `missing: ${name} (${reason})`),
    ...tables(results),
    '',
    remarks(results),
  ];
  process.stdout.write(`${out.join('\n')}\n`);
}

function tables(results: readonly Result[]): string[] {
  const requests = requestTable(results);
  const figures = figureTable(results);
  const meaning = '"x": Outrigger divided by this row; below 1, Outrigger needs less.';
  return [...(requests === '' ? [] : ['', requests, meaning]), ...(figures === '' ? [] : ['', figures])];
}

/** Whatever ends this process ends what it started. */
function cleanUpAtExit(directory: string): void {
  process.once('exit', () => {
    killAll();
    rmSync(directory, { recursive: true, force: true });
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      say(`${signal}: ending everything`);
      process.exit(130);
    });
  }
}

// Not by the end of the event loop: idle connections of the HTTP client would keep it.
process.exit(await main());
