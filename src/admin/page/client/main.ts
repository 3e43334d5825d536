import { announce, setText } from './dom.ts';
import { ago } from './format.ts';
import { head } from './head.ts';
import { sentence } from './journal.ts';
import { overview } from './overview.ts';
import { servicePage } from './service.ts';
import { Store } from './store.ts';
import { type Connection, follow } from './stream.ts';
import type { View } from './view.ts';

/** Ages grow between ticks, and while the connection is lost. */
const REDRAW = 1_000;

const store = new Store();
const main = document.getElementById('main') as HTMLElement;
const lost = document.getElementById('lost') as HTMLElement;
const top = head(document.getElementById('top') as HTMLElement);
let connection: Connection = { kind: 'connecting' };
let view: View | null = null;

function route(): void {
  const [, name] = /^#\/service\/(.+)$/.exec(location.hash) ?? [];
  const first = view === null;
  view?.leave?.();
  view = name === undefined ? overview() : servicePage(decoded(name));
  document.title = `${view.title} – Outrigger`;
  if (store.hello !== null) main.replaceChildren(view.element);
  draw();
  if (first) return;
  scrollTo(0, 0);
  main.focus({ preventScroll: true });
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function draw(): void {
  top.update(store, connection);
  lost.hidden = connection.kind !== 'lost';
  if (connection.kind === 'lost') setText(lost, 'Connection lost, retrying. What stands here is from before.');
  lost.title = connection.kind === 'lost' ? `lost ${ago(Date.now() - connection.since)}` : '';
  document.body.classList.toggle('lost', connection.kind === 'lost');
  if (store.hello === null || view === null) return;
  if (view.element.parentElement !== main) main.replaceChildren(view.element);
  view.update(store);
}

addEventListener('hashchange', route);
// The address names the page that is shown: the skip link leaves it alone.
document.querySelector('.skip')?.addEventListener('click', (event) => {
  event.preventDefault();
  main.focus();
});
addEventListener('keydown', (event) => {
  const typing =
    event.target instanceof HTMLElement && event.target.closest('input, select, textarea, dialog') !== null;
  if (event.key !== '/' || typing || event.ctrlKey || event.metaKey || event.altKey || !view?.filter) return;
  event.preventDefault();
  view.filter.focus();
});
let drawing = false;
follow(store, (now, change) => {
  connection = now;
  if (change !== null) announce(sentence(change));
  // However much comes at once is drawn once; a page that nobody sees, when it is seen again.
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    draw();
  });
});
document.addEventListener('visibilitychange', draw);
setInterval(() => {
  if (!document.hidden && connection.kind !== 'live') draw();
}, REDRAW);
route();
