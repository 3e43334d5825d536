import { spawnSync } from 'node:child_process';

/** Whether a program is on the PATH. */
export function onPath(program: string): boolean {
  return spawnSync('sh', ['-c', `command -v "$1"`, 'sh', program], { stdio: 'ignore' }).status === 0;
}

/** The first line with a number in what a program says of its version, or null when it cannot be run. */
export function versionOf(program: string, args: readonly string[] = ['--version']): string | null {
  const { error, stdout, stderr } = spawnSync(program, [...args], { encoding: 'utf8', timeout: 10_000 });
  if (error !== undefined) return null;
  return /\d+(?:\.\d+)+[^\s,()]*/.exec(`${stdout}${stderr}`)?.[0] ?? 'unknown version';
}

/**
 * Installs Debian packages, as root and where there is `apt-get`. Says on `say` what it does; what could not be installed is found
 * missing by whoever needs it. At most five minutes each.
 */
export function installPackages(packages: readonly string[], say: (line: string) => void): void {
  if (packages.length === 0) return;
  if (process.getuid?.() !== 0 || !onPath('apt-get')) {
    say(`cannot install ${packages.join(', ')}: that needs root and apt-get`);
    return;
  }
  say(`installing ${packages.join(', ')}`);
  if (apt(['install', '--no-install-recommends', ...packages])) return;
  // A fresh machine has no package lists. Then one by one, so that a package that is not to be had costs only itself.
  apt(['update']);
  for (const name of packages) {
    if (!apt(['install', '--no-install-recommends', name])) say(`apt-get could not install ${name}`);
  }
}

function apt(args: readonly string[]): boolean {
  const { status } = spawnSync('apt-get', ['-qq', '-y', '-o', 'DPkg::Lock::Timeout=120', ...args], {
    stdio: 'ignore',
    timeout: 300_000,
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  return status === 0;
}
