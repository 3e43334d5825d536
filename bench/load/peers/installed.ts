import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Certificate } from '../certificate.ts';
import { startChild } from '../children.ts';
import type { Context } from '../context.ts';
import { onPath, versionOf } from '../packages.ts';
import { freePort, untilAccepting } from '../ports.ts';
import type { Found, Peer } from './peer.ts';

/** A proxy that is a program of its own with a config file or flags. */
interface Installed {
  readonly name: string;
  readonly about: string;
  readonly share: number;
  readonly program: string;
  /** The Debian package it comes in, or null when there is none. */
  readonly package: string | null;
  readonly versionArgs: readonly string[];
  readonly terminatesTls?: boolean;
  excluded(workload: string): string | null;
  /** The text of its config file, if it has one. */
  config?(port: number, backends: readonly string[], directory: string, tls: Certificate | null): string;
  /** `file` is where the config stands. */
  args(port: number, backends: readonly string[], file: string, tls: Certificate | null): string[];
}

/** Makes a peer of it. */
export function installedPeer(proxy: Installed): Peer {
  const { name, about, share, program } = proxy;
  return {
    name,
    about,
    share,
    needs: { program, package: proxy.package },
    terminatesTls: proxy.terminatesTls === true,
    find(): Found {
      const version = onPath(program) ? versionOf(program, proxy.versionArgs) : null;
      if (version !== null) return { kind: 'found', version };
      const where = proxy.package === null ? '' : ` (Debian package ${proxy.package})`;
      return { kind: 'missing', reason: `there is no "${program}" on the PATH${where}` };
    },
    excluded: (workload) => proxy.excluded(workload),
    async start(context: Context, backends, { cpus, tls }) {
      const port = await freePort();
      const file = join(context.directory, `${name}-${port}.conf`);
      if (proxy.config !== undefined) writeFileSync(file, proxy.config(port, backends, context.directory, tls));
      const child = startChild(name, program, proxy.args(port, backends, file, tls), { cpus });
      try {
        await Promise.race([
          untilAccepting(name, port),
          child.exited.then((code) => {
            throw new Error(`${name} ended with ${code}: ${child.output().slice(-1_000)}`);
          }),
        ]);
      } catch (error) {
        await child.stop();
        throw error;
      }
      return { port, pid: child.pid, stop: () => child.stop() };
    },
  };
}
