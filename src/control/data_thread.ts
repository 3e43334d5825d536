import { getCompileCacheDir } from 'node:module';
import { dirname } from 'node:path';
import { Worker } from 'node:worker_threads';

/**
 * Young generation of a data thread, in MiB: V8 lets it grow to this under load, however little survives, and what it has grown to is
 * resident. Twice as much is not faster, not even with 10,000 requests in flight (W3), and a quarter is slower there.
 */
const YOUNG_GENERATION_MB = 48;

/** A thread that loads its code and then waits for its `DataThreadStart`, the first message that it must be sent. */
export function spawnDataThread(entry: URL, index: number): Worker {
  return new Worker(entry, {
    name: `outrigger-data-${index}`,
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
    env: { ...process.env, ...compileCache() },
  });
}

/** A thread does not take over what the main thread has switched on. */
function compileCache(): NodeJS.ProcessEnv {
  const directory = getCompileCacheDir();
  return directory === undefined ? {} : { NODE_COMPILE_CACHE: dirname(directory) };
}

/**
 * The first data thread, begun before anything is known of what it will serve: it loads its code while the main thread loads its own and
 * reads the config. It keeps no process alive until somebody takes it.
 */
export class EarlyThread {
  #worker: Worker | null;
  readonly #gone = (): void => {
    this.#worker = null;
  };

  constructor(entry: URL) {
    this.#worker = spawnDataThread(entry, 0);
    this.#worker.on('error', this.#gone).on('exit', this.#gone).unref();
  }

  /** Hands it over, once; null when it has ended: whoever starts another will hear why. */
  take(): Worker | null {
    const worker = this.#worker;
    this.#worker = null;
    worker?.off('error', this.#gone).off('exit', this.#gone).ref();
    return worker;
  }
}
