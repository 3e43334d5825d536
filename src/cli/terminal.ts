import type { Terminal } from './top.ts';

/** The terminal of this process; null where it has none for both keys and text. */
export function processTerminal(): Terminal | null {
  const { stdin, stdout } = process;
  if (stdin.isTTY !== true || stdout.isTTY !== true) return null;
  return {
    size: () => ({ rows: stdout.rows, columns: stdout.columns }),
    write: (text) => void stdout.write(text),
    keys(pressed) {
      const onData = (data: Buffer): void => pressed(data.toString());
      stdin.setRawMode(true);
      stdin.on('data', onData);
      stdin.resume();
      return () => {
        stdin.off('data', onData);
        stdin.setRawMode(false);
        stdin.pause();
      };
    },
  };
}

/** Aborted when the process is told to stop, or nobody reads what it prints any more. */
export function stopSignal(): AbortSignal {
  const controller = new AbortController();
  const stop = (): void => controller.abort();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop);
  process.stdout.on('error', stop);
  return controller.signal;
}
