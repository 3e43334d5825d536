import type { StatsJson } from '../admin/stats_json.ts';
import type { Output } from './check_print.ts';
import { type AdminServer, askSidecar, findAdmin, knownText } from './sidecar_answer.ts';
import type { TopCommand } from './top/command.ts';
import { screenText, topText } from './top/print.ts';
import { ratesOf, type TopService } from './top/rates.ts';
import { SORT_LETTERS, sorted } from './top/sort.ts';

/** A terminal, as far as `top` uses it. */
export interface Terminal {
  size(): { readonly rows: number; readonly columns: number };
  write(text: string): void;
  /** Keys that are pressed, until what this gives is called. */
  keys(pressed: (key: string) => void): () => void;
}

/** Another screen, without a cursor; and back. */
const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?25h\x1b[?1049l';
/** To the corner; and what is left of the line, and of the screen, is wiped. */
const HOME = '\x1b[H';
const TO_LINE_END = '\x1b[K';
const TO_SCREEN_END = '\x1b[J';
const CTRL_C = '\x03';

/**
 * The `top` command: on a terminal a table that is drawn anew at each interval, until q or Ctrl-C; elsewhere one table of one interval.
 * Resolves with the exit code: 0; 1 when no sidecar answers or it does not know the service; 2 for a bad config or address.
 */
export async function runTop(
  command: TopCommand,
  output: Output,
  terminal: Terminal | null,
  stopped: AbortSignal,
): Promise<number> {
  const admin = await findAdmin(command.admin, command.config, output);
  if (typeof admin === 'number') return admin;
  const first = await look(admin, output);
  if (first === null) return 1;
  if (command.service !== null && !first.services.some(({ name }) => name === command.service)) {
    output.err(
      `the sidecar at ${admin.text} knows no service "${command.service}"\n  hint: ${knownText(first.services)}\n`,
    );
    return 1;
  }
  return terminal === null || command.json
    ? once(command, admin, first, output, stopped)
    : draw(command, admin, first, output, terminal, stopped);
}

async function once(
  command: TopCommand,
  admin: AdminServer,
  first: StatsJson,
  output: Output,
  stopped: AbortSignal,
): Promise<number> {
  await pause(command.interval, stopped);
  const second = await look(admin, output);
  if (second === null) return 1;
  const services = chosen(ratesOf(first, second), command.service);
  const rows = sorted(services, command.sort);
  output.out(command.json ? `${JSON.stringify(rows, null, 2)}\n` : topText(rows));
  return 0;
}

async function draw(
  command: TopCommand,
  admin: AdminServer,
  first: StatsJson,
  output: Output,
  terminal: Terminal,
  stopped: AbortSignal,
): Promise<number> {
  let { sort } = command;
  let shown: readonly TopService[] = chosen(ratesOf(first, first), command.service);
  const ended = new AbortController();
  const end = (): void => ended.abort();
  stopped.addEventListener('abort', end);
  const redraw = (): void => {
    const text = screenText(sorted(shown, sort), sort, terminal.size(), output.color);
    terminal.write(`${HOME}${text.replaceAll('\n', `${TO_LINE_END}\n`)}${TO_LINE_END}${TO_SCREEN_END}`);
  };
  const silence = terminal.keys((key) => {
    if (key === 'q' || key === CTRL_C) return end();
    sort = SORT_LETTERS[key] ?? sort;
    redraw();
  });
  terminal.write(ENTER);
  let trouble = '';
  try {
    let before = first;
    redraw();
    for (;;) {
      await pause(command.interval, ended.signal);
      if (ended.signal.aborted || stopped.aborted) break;
      const keep = (text: string): void => {
        trouble = text;
      };
      const after = await look(admin, { ...output, err: keep });
      if (after === null) break;
      shown = chosen(ratesOf(before, after), command.service);
      before = after;
      redraw();
    }
  } finally {
    silence();
    stopped.removeEventListener('abort', end);
    terminal.write(LEAVE);
  }
  // Told where it stays to be read.
  if (trouble !== '') output.err(trouble);
  return trouble === '' ? 0 : 1;
}

async function look(admin: AdminServer, output: Output): Promise<StatsJson | null> {
  return (await askSidecar(admin, '/stats', output)) as StatsJson | null;
}

function chosen(services: readonly TopService[], name: string | null): readonly TopService[] {
  return name === null ? services : services.filter(({ total }) => total.service === name);
}

/** Ends early when `signal` says so. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}
