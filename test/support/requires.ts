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
} as const satisfies Record<string, readonly [string, readonly string[]]>;

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
  console.error(`SKIPPED: this machine has no ${program}; \`sh .ci/install --servers\` (as root, Debian) installs it`);
  return (title, implementation) => test.skip(title, implementation);
}
