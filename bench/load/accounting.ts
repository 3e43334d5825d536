import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** What one line of `/proc/PID/stat` says (proc(5)): the parent, and CPU time in clock ticks. */
export interface ProcStat {
  readonly parent: number;
  /** User and system time of all its threads, and of its children that have ended. */
  readonly ticks: number;
}

/** The second field is the program's name, in parentheses, and may itself hold spaces and parentheses. */
export function parseStat(line: string): ProcStat {
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  const field = (number: number): number => Number(fields[number - 3]);
  return { parent: field(4), ticks: field(14) + field(15) + field(16) + field(17) };
}

/** Resident memory in KiB, from the text of `/proc/PID/status`; 0 for a process without any. */
export function parseResident(status: string): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0);
}

let ticksPerSecond = 0;

function clockTick(): number {
  if (ticksPerSecond === 0) ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
  return ticksPerSecond;
}

/** A process and all that descend from it, as they are now. */
function family(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = read(`/proc/${name}/stat`);
    if (stat === null) continue;
    const { parent } = parseStat(stat);
    const siblings = children.get(parent);
    if (siblings === undefined) children.set(parent, [Number(name)]);
    else siblings.push(Number(name));
  }
  const found = [pid];
  for (let i = 0; i < found.length; i++) found.push(...(children.get(found[i] as number) ?? []));
  return found;
}

/** Null when the process has ended. */
function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

/** CPU time that a process, its threads and its children have used so far, in seconds. */
export function cpuSeconds(pid: number): number {
  let ticks = 0;
  for (const member of family(pid)) {
    const stat = read(`/proc/${member}/stat`);
    if (stat !== null) ticks += parseStat(stat).ticks;
  }
  return ticks / clockTick();
}

/** Resident memory of a process and its children, in MB (1,048,576 octets). */
export function residentMb(pid: number): number {
  let kib = 0;
  for (const member of family(pid)) kib += parseResident(read(`/proc/${member}/status`) ?? '');
  return kib / 1024;
}

/** CPU time of the whole machine since it was started, in ticks. */
export interface MachineTime {
  readonly total: number;
  /** Of programs, and what a hypervisor took. Not of interrupts: those of loopback traffic are ours as likely as not. */
  readonly work: number;
}

/** The first line of `/proc/stat`. */
export function parseCpuLine(text: string): MachineTime {
  // guest time is part of user time: only the first eight count.
  const ticks = (text.split('\n')[0] ?? '').trim().split(/\s+/).slice(1, 9).map(Number);
  const [user = 0, nice = 0, system = 0] = ticks;
  return { total: ticks.reduce((sum, value) => sum + value, 0), work: user + nice + system + (ticks[7] ?? 0) };
}

/** Begins to watch what others do on this machine; the function it gives tells their share (0 to 1) of all CPUs since then. */
export function watchOthers(): () => number {
  const before = parseCpuLine(readFileSync('/proc/stat', 'utf8'));
  const own = cpuSeconds(process.pid);
  return () => {
    const after = parseCpuLine(readFileSync('/proc/stat', 'utf8'));
    const total = after.total - before.total;
    const others = after.work - before.work - (cpuSeconds(process.pid) - own) * clockTick();
    return total === 0 ? 0 : Math.max(0, others / total);
  };
}
