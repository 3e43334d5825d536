import { spawnSync } from 'node:child_process';
import test, { type ExecutionContext } from 'ava';

const PROBES = {
  etcd: ['etcd', ['--version']],
  consul: ['consul', ['version']],
  etcdctl: ['etcdctl', ['version']],
  'python3-grpcio': ['/usr/bin/python3', ['-c', 'import grpc']],
  curl: ['curl', ['--version']],
  nghttp: ['nghttp', ['--version']],
  h2load: ['h2load', ['--version']],
  openssl: ['openssl', ['version']],
  promtool: ['promtool', ['--version']],
  chromium: ['chromium', ['--version']],
  prometheus: ['prometheus', ['--version']],
  'systemd-analyze': ['systemd-analyze', ['--version']],
  go: ['go', ['version']],
  kubectl: ['kubectl', ['version', '--client']],
  zsh: ['zsh', ['--version']],
  fish: ['fish', ['--version']],
} as const satisfies Record<string, readonly [string, readonly string[]]>;

/** Used where they are, and too large to be installed for a test or two. */
const NOT_INSTALLED: readonly string[] = ['systemd-analyze'];

/** Whether a program that the tests do not bring along is on this machine. */
export function present(program: keyof typeof PROBES): boolean {
  const [command, args] = PROBES[program];
  return spawnSync(command, args, { stdio: 'ignore', timeout: 20_000 }).status === 0;
}

type Implementation = (t: ExecutionContext) => void | Promise<void>;

/**
 * `test.serial` for tests that need `program`. Where it is missing they are skipped, which the summary counts, and a line says
 * what to install.
 */
export function serialTestWith(program: keyof typeof PROBES): (title: string, implementation: Implementation) => void {
  if (present(program)) return (title, implementation) => test.serial(title, implementation);
  const how = NOT_INSTALLED.includes(program)
    ? 'what it proves is not proven'
    : '`sh .ci/install --servers` (as root, Debian) installs it';
  console.error(`SKIPPED: this machine has no ${program}; ${how}`);
  return (title, implementation) => test.skip(title, implementation);
}
