import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BookInstance } from './book_instance.ts';

/** The demo's registry: a file that the sidecar watches, in a directory of its own beside the sidecar's config. */
export interface RegistryFile {
  readonly path: string;
  readonly configPath: string;
  /** Replaces the set of instances. The file is swapped in whole, so that no reader sees half of it. */
  write(instances: readonly BookInstance[]): void;
  writeConfig(config: string): void;
  remove(): void;
}

/** Makes the directory below the system's temporary one. */
export function createRegistryFile(): RegistryFile {
  const directory = mkdtempSync(join(tmpdir(), 'outrigger-demo-'));
  const path = join(directory, 'instances.yaml');
  const configPath = join(directory, 'outrigger.yaml');
  return {
    path,
    configPath,
    write(instances) {
      const lines = instances.map(({ address, version }) => `    - { address: "${address}", version: ${version} }\n`);
      writeFileSync(`${path}.new`, `services:\n  book:\n${lines.join('')}`);
      renameSync(`${path}.new`, path);
    },
    writeConfig: (config) => writeFileSync(configPath, config),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}
