import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { eventually, PATIENCE } from './support/eventually.ts';
import { freePort } from './support/free_port.ts';
import { PATIENCE_MS, type Process, startProcess } from './support/process.ts';
import { serialTestWith } from './support/requires.ts';
import { MAIN, temporaryDirectory } from './support/sidecar.ts';

const TUTORIAL = readFileSync(new URL('../docs/tutorial.md', import.meta.url), 'utf8');
const run = promisify(execFile);

/** The blocks of the tutorial in their order: what to write into a file, or what to type. */
const steps = [...TUTORIAL.matchAll(/^```(\w+)\n(.*?)^```/gms)].map(([, language = '', text = '']) => ({
  language,
  text,
  file: /^(?:\/\/|#) ([\w.]+\.(?:yaml|mjs))\n/.exec(text)?.[1] ?? null,
}));

/** What the steps that print something must have printed in the end, in their order. */
const EXPECTED: readonly RegExp[] = [
  /^/, // check
  /^v1 on \d+\n$/,
  /^v2 on \d+\n$/, // the new version, asked for
  /v2/, // explain
  /^x-outrigger-version: v[12]\r?$/m,
  /^ *\d+ v1 on [\s\S]*^ *17 v2 on /m, // a canary: both, and as many as the text says
  /^ *\d+ v1 on /m, // one instance less, and no failure
  /backoff|connecting/, // and seen to be away
  /^v2 on \d+\n$/, // all to v2
  /^outrigger_requests_total\{/m,
];

serialTestWith('curl')('the tutorial works, from its first line to its last', async (t) => {
  const directory = temporaryDirectory();
  const started: Process[] = [];
  // Ports that are free here, in place of the usual ones; the sidecar is told by its environment.
  const usual = ['15000', '15001', '15020', '50051', '50052', '50053'];
  const ports = new Map<string, number>();
  for (const port of usual) ports.set(port, await freePort());
  const translated = (text: string) =>
    text.replaceAll(/\b(15000|15001|15020|5005[123])\b/g, (port) => String(ports.get(port)));
  const env = {
    ...process.env,
    OUTRIGGER_LISTEN: `127.0.0.1:${ports.get('15001')}`,
    OUTRIGGER_ADMIN: `127.0.0.1:${ports.get('15000')}`,
    OUTRIGGER_TELEMETRY: `127.0.0.1:${ports.get('15020')}`,
  };
  const listens = (port: number) =>
    new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false));
      socket.on('close', () => resolve(false)).unref();
      socket.on('connect', () => socket.destroy());
    });
  const shell = (text: string) =>
    run('bash', ['-c', `outrigger() { "${process.execPath}" "${MAIN}" "$@"; }\n${text}`], {
      cwd: directory,
      env,
      timeout: PATIENCE_MS,
    });
  const expected = [...EXPECTED];
  try {
    for (const { language, text, file } of steps) {
      if (file !== null) {
        writeFileSync(join(directory, file), translated(text));
      } else if (text.trimEnd().endsWith('&')) {
        for (const line of translated(text).trimEnd().split('\n')) {
          const words = line.replace(/ &$/, '').split(' ');
          const args = words[0] === 'outrigger' ? [MAIN, ...words.slice(1)] : words.slice(1);
          started.push(startProcess(process.execPath, args, { cwd: directory, env }));
          const port = words[0] === 'outrigger' ? ports.get('15020') : Number(words[2]);
          await eventually(() => listens(port as number), 3 * PATIENCE);
        }
      } else if (/^kill %/.test(text)) {
        // The jobs of the shell, in the order in which they were started.
        const jobs = [...text.matchAll(/%(\d+)/g)].map(([, number]) => started[Number(number) - 1] as Process);
        for (const job of jobs) job.signal('SIGTERM');
        for (const job of started) await job.exited;
      } else if (/^kill /.test(text)) {
        // By its id and not by its name: others on this machine may follow the tutorial, too.
        const port = String(ports.get(/ (5\d+)/.exec(text)?.[1] ?? ''));
        t.regex(text, /^kill \$\(pgrep -f 'instance\.mjs \d+'\)\n$/);
        await started[usual.indexOf([...ports].find(([, own]) => String(own) === port)?.[0] ?? '') - 3]?.kill();
      } else {
        t.is(language, 'sh');
        const pattern = expected.shift();
        if (pattern === undefined) throw new Error(`the test does not know what comes of: ${text}`);
        await eventually(async () => {
          const { stdout } = await shell(translated(text));
          if (!pattern.test(stdout)) throw new Error(`${text} printed ${stdout}`);
          if (stdout.includes('outrigger-reason') || /no_healthy|connect_failed/.test(stdout)) throw new Error(stdout);
          return true;
        }, 3 * PATIENCE);
      }
    }
    t.deepEqual(expected, [], 'steps that the tutorial does not have any more');
  } finally {
    for (const process of started) await process.kill();
  }
});

test('the tutorial tells which file each text goes into', (t) => {
  for (const { language, file } of steps) t.is(file !== null, language !== 'sh', language);
});
