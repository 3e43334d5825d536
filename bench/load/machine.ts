import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { versionOf } from './packages.ts';

/** Where figures come from: without it they cannot be compared with others. */
export interface Machine {
  readonly cpu: string;
  readonly cpus: number;
  readonly memoryMb: number;
  readonly kernel: string;
  readonly system: string;
  /** One-minute load average at the start. */
  readonly load: number;
}

export function describeMachine(): Machine {
  const [first] = cpus();
  return {
    cpu: first?.model.trim() ?? 'unknown',
    cpus: cpus().length,
    memoryMb: Math.round(totalmem() / 1024 / 1024),
    kernel: release(),
    system: systemName(),
    load: loadavg()[0] ?? 0,
  };
}

function systemName(): string {
  try {
    return /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? process.platform;
  } catch {
    return process.platform;
  }
}

/** Versions of the tools that make the load and answer it; null for those that are missing. */
export function toolVersions(): Record<string, string | null> {
  return {
    node: process.version,
    h2load: versionOf('h2load'),
    nghttpd: versionOf('nghttpd'),
    etcd: versionOf('etcd'),
  };
}

/** The commit, with `+changes` when the tree differs from it. */
export function commitOf(root: string): string {
  const git = (...args: string[]): string => execFileSync('git', ['-C', root, ...args], { encoding: 'utf8' }).trim();
  try {
    const commit = git('rev-parse', '--short=12', 'HEAD');
    return git('status', '--porcelain') === '' ? commit : `${commit}+changes`;
  } catch {
    return 'unknown';
  }
}

/** The CPUs that we may use, from `0-3,8`. */
export function parseCpuList(text: string): number[] {
  return text
    .trim()
    .split(',')
    .flatMap((part) => {
      const [first = 0, last = first] = part.split('-').map(Number);
      return Array.from({ length: last - first + 1 }, (_, index) => first + index);
    });
}

/** Chooses a CPU for the load and one for the proxy under test; the same one when there is no other. */
export function chooseCpus(): { load: string; proxy: string } {
  const status = readFileSync('/proc/self/status', 'utf8');
  const [first = 0, second = first] = parseCpuList(/^Cpus_allowed_list:\s*(\S+)/m.exec(status)?.[1] ?? '0');
  return { load: String(first), proxy: String(second) };
}

/** Moves this process to a CPU, and with it everything it starts from now on that is not told otherwise. */
export function pinTo(cpu: string): void {
  const { status, stderr } = spawnSync('taskset', ['-a', '-c', '-p', cpu, String(process.pid)], { encoding: 'utf8' });
  if (status !== 0)
    throw new Error(`cannot pin to CPU ${cpu}: ${stderr ?? 'there is no taskset (Debian package util-linux)'}`);
}
