import { createReadStream } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { type ConfigText, type LoadResult, loadConfig } from './load.ts';
import { type ConfigFlags, describesRegistry } from './overrides.ts';
import type { Problem } from './problem.ts';
import type { Env } from './variables.ts';

/** Which config is asked for. */
export interface ConfigRequest {
  /** `--config`; null to look at the usual places. */
  readonly file: string | null;
  readonly flags: ConfigFlags;
  readonly env: Env;
  readonly cwd: string;
}

/** Where the machine's own config lies. */
const SYSTEM_CONFIG = '/etc/outrigger/outrigger.yaml';

/** A config is written by people; what is larger is something else. */
const MOST_BYTES = 4 * 1024 * 1024;

/**
 * Finds, reads and loads the config: `--config`; else the registry flags, when there are any; else `outrigger.yaml` in the working
 * directory; else the machine's own. Never rejects: a file that cannot be read is a problem.
 *
 * @param systemConfig the last place to look at
 */
export async function readConfig(request: ConfigRequest, systemConfig: string = SYSTEM_CONFIG): Promise<LoadResult> {
  const { flags, env, cwd } = request;
  if (request.file === null && describesRegistry(flags)) return loadConfig({ file: null, flags, env, cwd });
  const places = request.file === null ? ['outrigger.yaml', systemConfig] : [request.file];
  for (const name of places) {
    const path = resolve(cwd, name);
    const read = await readText(path);
    if (read.kind === 'text') {
      const file: ConfigText = { name, text: read.text, directory: dirname(path) };
      return loadConfig({ file, flags, env, cwd });
    }
    if (read.kind === 'missing' && request.file === null) continue;
    const message = read.kind === 'missing' ? 'there is no such file' : read.message;
    return noConfig({
      at: { kind: 'none' },
      key: name,
      message,
      hint: read.kind === 'missing' ? `looked at ${path}` : read.hint,
    });
  }
  const message = `no config: there is neither ./outrigger.yaml nor ${systemConfig}`;
  const hint =
    'give a file with --config, or a registry: --etcd http://127.0.0.1:2379, or --static book=127.0.0.1:50051';
  return noConfig({ at: { kind: 'none' }, key: '', message, hint });
}

/** Whether `readConfig` would find anything to load: a file that is named counts, also when there is none. */
export async function hasConfig(request: ConfigRequest, systemConfig: string = SYSTEM_CONFIG): Promise<boolean> {
  if (request.file !== null || describesRegistry(request.flags)) return true;
  for (const name of ['outrigger.yaml', systemConfig]) {
    if ((await readText(resolve(request.cwd, name))).kind !== 'missing') return true;
  }
  return false;
}

function noConfig(problem: Problem): LoadResult {
  return { kind: 'problems', problems: [problem] };
}

type ReadText =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'missing' }
  | { readonly kind: 'failed'; readonly message: string; readonly hint: string | null };

const READ_HINTS: Readonly<Record<string, string>> = {
  EACCES: 'let the user that runs outrigger read it',
  EISDIR: 'it is a directory: name the file in it',
};

async function readText(path: string): Promise<ReadText> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    // `end` counts the last byte, too: one more than allowed is enough to know.
    for await (const chunk of createReadStream(path, { end: MOST_BYTES })) {
      chunks.push(chunk as Buffer);
      bytes += (chunk as Buffer).length;
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (code === 'ENOENT' || code === 'ENOTDIR') return { kind: 'missing' };
    return { kind: 'failed', message: `cannot be read (${code || String(error)})`, hint: READ_HINTS[code] ?? null };
  }
  if (bytes > MOST_BYTES)
    return { kind: 'failed', message: `is larger than ${MOST_BYTES / 1024 / 1024} MiB`, hint: null };
  try {
    return { kind: 'text', text: new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks)) };
  } catch {
    return { kind: 'failed', message: 'is not UTF-8 text', hint: 'save it as UTF-8' };
  }
}
