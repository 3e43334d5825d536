import type { Output } from './check_print.ts';
import type { ServicesCommand } from './services/command.ts';

/** The `services` command: what a registry holds, or what the running sidecar knows. Resolves with the exit code. */
export async function runServices(command: ServicesCommand, output: Output): Promise<number> {
  const { from } = command;
  if (from.kind === 'registry') {
    const { listRegistry } = await import('./services/list_registry.ts');
    return listRegistry(command, from, output);
  }
  const { listSidecar } = await import('./services/list_sidecar.ts');
  return listSidecar(command, from, output);
}
