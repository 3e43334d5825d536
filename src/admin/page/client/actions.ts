import { announce, button, el, field } from './dom.ts';

/** Asks before something is done. Resolves with what was decided. */
function confirmed(title: string, text: string, label: string): Promise<boolean> {
  return new Promise((resolve) => {
    const yes = button(label, () => dialog.close('yes'), { class: 'primary' });
    const no = button('Cancel', () => dialog.close(), { autofocus: true });
    const heading = el('h2', { id: 'confirm' }, title);
    const dialog = el(
      'dialog',
      { 'aria-labelledby': 'confirm' },
      heading,
      el('p', {}, text),
      el('div', { class: 'row end' }, no, yes),
    );
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(dialog.returnValue === 'yes');
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** What can be done from here, each with a question before; only what this sidecar offers. */
export function actionsMenu(can: readonly string[]): HTMLElement {
  const outcome = el('p', { class: 'outcome', role: 'status' });
  const post = async (path: string, said: (answer: unknown) => string): Promise<void> => {
    try {
      const response = await fetch(path, { method: 'POST' });
      const answer: unknown = await response.json();
      outcome.textContent = response.ok ? said(answer) : problemOf(answer);
    } catch {
      outcome.textContent = 'The sidecar does not answer.';
    }
    announce(outcome.textContent);
  };
  const offers: HTMLElement[] = [];
  if (can.includes('POST /reload')) {
    const reload = async (): Promise<void> => {
      const text = 'The config file is read again and taken over if nothing is wrong with it.';
      if (await confirmed('Reload the config?', text, 'Reload')) await post('/reload', reloadOutcome);
    };
    offers.push(button('Reload the config', () => void reload()));
  }
  if (can.includes('POST /drain')) {
    const drain = async (): Promise<void> => {
      const text = 'The sidecar takes no new requests any more and finishes those in flight. Only a restart ends that.';
      if (await confirmed('Drain this sidecar?', text, 'Drain')) await post('/drain', () => 'Draining.');
    };
    offers.push(button('Drain', () => void drain(), { class: 'danger' }));
  }
  if (can.includes('POST /log-level')) {
    const options = ['debug', 'info', 'warn', 'error'].map((level) => el('option', { value: level }, level));
    const level = el('select', {}, el('option', { value: '' }, 'set …'), ...options);
    level.addEventListener('change', () => {
      const { value } = level;
      level.value = '';
      if (value === '') return;
      const text = `From now on the log holds what is at least as important as "${value}".`;
      void confirmed('Set the log level?', text, 'Set').then((yes) =>
        yes ? post(`/log-level?level=${value}`, () => `Log level: ${value}.`) : undefined,
      );
    });
    offers.push(field('Log level', level));
  }
  const body = el('div', { class: 'menu' }, ...offers, outcome);
  const details = el('details', { class: 'actions' }, el('summary', {}, 'Actions'), body);
  details.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape') return;
    details.open = false;
    details.querySelector('summary')?.focus();
  });
  document.addEventListener('click', ({ target }) => {
    const inside = target instanceof Element && (details.contains(target) || target.closest('dialog') !== null);
    // A button of a dialog may be gone by now.
    if (!inside && target instanceof Element && target.isConnected) details.open = false;
  });
  details.hidden = offers.length === 0;
  return details;
}

function problemOf(answer: unknown): string {
  const { message, problems } = (answer ?? {}) as { message?: string; problems?: readonly string[] };
  return message ?? (problems === undefined ? 'It was refused.' : `Rejected: ${problems.join(' ')}`);
}

function reloadOutcome(answer: unknown): string {
  const { result, changed = [], restart = [] } = answer as { result?: string; changed?: string[]; restart?: string[] };
  const waits = restart.length === 0 ? '' : ` Needs a restart: ${restart.join(', ')}.`;
  return `${result === 'applied' ? `Taken over: ${changed.join(', ')}.` : 'The config has not changed.'}${waits}`;
}
