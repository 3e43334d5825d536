#!/usr/bin/env node
import { enableCompileCache } from 'node:module';
import { parseCommandLine } from './cli/args.ts';
import { processOutput } from './cli/check_print.ts';
import { reportCrashes } from './cli/crash.ts';
import { EarlyThread } from './control/data_thread.ts';
import { COMPILED, DATA_THREAD, ownVersion } from './program.ts';

const OLDEST_NODE = [22, 18] as const;

/** Runs one command line and resolves with the exit code: 0 fine, 1 failed, 2 wrong usage or config. */
async function main(): Promise<number> {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1])) {
    const problem = `outrigger needs Node.js ${OLDEST_NODE.join('.')} or newer; this is ${process.version}`;
    process.stderr.write(
      `${problem}\n  hint: in a checkout, "npx outrigger" takes the one that the project brings along\n`,
    );
    return 2;
  }
  if (COMPILED !== null) enableCompileCache(COMPILED);
  const output = processOutput(process.env);
  const command = parseCommandLine(process.argv.slice(2), process.env, process.cwd());
  reportCrashes(command.kind, ownVersion, process.env);
  // Each command brings only what it needs: a sidecar holds no demo in memory.
  switch (command.kind) {
    case 'run': {
      const early = new EarlyThread(DATA_THREAD);
      const { runSidecar } = await import('./cli/run.ts');
      return runSidecar(command.config, command.command, ownVersion(), output, early);
    }
    case 'check': {
      const { runCheck } = await import('./cli/check.ts');
      return runCheck(command.config, output, command);
    }
    case 'demo': {
      const { runDemo } = await import('./cli/demo.ts');
      return runDemo(command.args);
    }
    case 'services': {
      const { runServices } = await import('./cli/services.ts');
      return runServices(command, output);
    }
    case 'register': {
      const { runRegister } = await import('./cli/register.ts');
      return runRegister(command.config, command.command, output);
    }
    case 'inject': {
      const { runInject } = await import('./cli/inject.ts');
      return runInject(command, output);
    }
    case 'simulate': {
      const { runSimulate } = await import('./cli/simulate.ts');
      return runSimulate(command, output);
    }
    case 'explain': {
      const { runExplain } = await import('./cli/explain.ts');
      return runExplain(command, output);
    }
    case 'tap': {
      const [{ runTap }, { stopSignal }] = await Promise.all([import('./cli/tap.ts'), import('./cli/terminal.ts')]);
      return runTap(command, output, stopSignal());
    }
    case 'top': {
      const [{ runTop }, { processTerminal, stopSignal }] = await Promise.all([
        import('./cli/top.ts'),
        import('./cli/terminal.ts'),
      ]);
      return runTop(command, output, processTerminal(), stopSignal());
    }
    case 'completions': {
      const { runCompletions } = await import('./cli/completions.ts');
      return runCompletions(command.shell, output);
    }
    case 'schema': {
      const { runSchema } = await import('./cli/schema.ts');
      return runSchema(output);
    }
    case 'help':
      output.out(command.text);
      return 0;
    case 'version':
      output.out(`${ownVersion()}\n`);
      return 0;
    case 'usage':
      output.err(`${command.message}\n  hint: ${command.hint}\n`);
      return 2;
  }
}

// Whoever pipes this into "head" has seen enough: no failure, and no reason to end a sidecar.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}
process.exitCode = await main();
