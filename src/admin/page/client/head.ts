import { actionsMenu } from './actions.ts';
import { button, el, setAttribute, setText, svg } from './dom.ts';
import type { Store } from './store.ts';
import type { Connection } from './stream.ts';

const THEMES = ['auto', 'light', 'dark'] as const;

/** The line at the top: name, version, how the connection is, theme and actions. */
export function head(top: HTMLElement): { update(store: Store, connection: Connection): void } {
  const mark = svg('path', { d: 'M2 8h5M7 8l5-5M7 8h5M7 8l5 5' });
  const logo = svg('svg', { viewBox: '0 0 16 16', class: 'logo', 'aria-hidden': 'true' }, mark);
  const version = el('span', { class: 'muted' });
  const live = el('span', { class: 'pulse', role: 'status' });
  const actions = el('div');
  const home = el('a', { href: '#/', class: 'home' }, logo, 'Outrigger');
  top.append(home, version, live, el('span', { class: 'grow' }), themeSwitch(), actions);
  let offered = '';
  return {
    update({ hello }, { kind }) {
      setText(version, hello?.version ?? '');
      setText(live, kind === 'live' ? 'live' : kind === 'lost' ? 'connection lost' : 'connecting');
      setAttribute(live, 'class', `pulse ${kind}`);
      const can = hello?.can ?? [];
      if (can.join() === offered) return;
      offered = can.join();
      actions.replaceChildren(actionsMenu(can));
    },
  };
}

function themeSwitch(): HTMLElement {
  const root = document.documentElement;
  const apply = (theme: string): void => {
    if (theme === 'auto') delete root.dataset.theme;
    else root.dataset.theme = theme;
    setText(element, `Theme: ${theme}`);
  };
  const element = button('', () => {
    const now = THEMES.findIndex((theme) => theme === (root.dataset.theme ?? 'auto'));
    const next = THEMES[(now + 1) % THEMES.length] ?? 'auto';
    apply(next);
    remember(next);
  });
  element.classList.add('quiet');
  apply(remembered());
  return element;
}

/** A browser may forbid to remember anything. */
function remember(theme: string): void {
  try {
    localStorage.setItem('theme', theme);
  } catch {}
}

function remembered(): string {
  try {
    return THEMES.find((theme) => theme === localStorage.getItem('theme')) ?? 'auto';
  } catch {
    return 'auto';
  }
}
