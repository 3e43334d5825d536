import { el, setAttribute, setText } from './dom.ts';
import { counted, number, rate } from './format.ts';
import { type InstancesTable, shortTable } from './instances.ts';
import { journalList } from './journal.ts';
import { natural, readiness, type ServiceState, type Store } from './store.ts';
import { figures, origin } from './summary.ts';
import type { View } from './view.ts';

/** Instances shown for each service; with more services than that, none are. */
const INSTANCES = 6;
const MOST_OPEN = 8;
/** Services drawn at a time; the filter finds the others. */
const MOST_CARDS = 100;

/** All services, each with its figures, and what changed lately. */
export function overview(): View {
  const filter = el('input', {
    type: 'search',
    class: 'filter',
    placeholder: 'Filter services',
    'aria-label': 'Filter services',
  });
  const totals = el('p', { class: 'totals' });
  const cards = new Map<string, ReturnType<typeof card>>();
  const list = el('div', { class: 'cards' });
  const note = el('p', { class: 'empty small', hidden: true });
  const none = el(
    'div',
    { class: 'empty', hidden: true },
    el('h2', {}, 'No services yet'),
    el(
      'p',
      {},
      'A service appears here when the config names it or, with discover, when the app calls it for the first time.',
    ),
  );
  const journal = journalList(40);
  const tools = el('div', { class: 'tools' }, el('h1', {}, 'Services'), totals, filter);
  const aside = el(
    'aside',
    { 'aria-labelledby': 'lately' },
    el('h2', { id: 'lately' }, 'What changed lately'),
    journal.element,
  );
  const element = el(
    'div',
    { class: 'overview' },
    el('section', { 'aria-label': 'Services' }, tools, none, list, note),
    aside,
  );

  const update = (store: Store): void => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const all = [...store.services.values()].sort((a, b) => natural(a.description.name, b.description.name));
    const found = all.filter(({ description: { name, registry, path } }) =>
      words.every((word) => `${name} ${registry} ${path}`.toLowerCase().includes(word)),
    );
    const shown = found.slice(0, MOST_CARDS);
    const names = new Set(shown.map(({ description }) => description.name));
    for (const [name, { element: gone }] of cards) {
      if (names.has(name)) continue;
      gone.remove();
      cards.delete(name);
    }
    const open = shown.length <= MOST_OPEN;
    for (const [index, service] of shown.entries()) {
      const { name } = service.description;
      const known = cards.get(name) ?? card(name);
      cards.set(name, known);
      // Moved only when it stands elsewhere: a moved element loses the focus.
      if (list.children[index] !== known.element) list.insertBefore(known.element, list.children[index] ?? null);
      known.update(service, open);
    }
    none.hidden = all.length > 0 || !store.ticked;
    filter.hidden = all.length < 2;
    const hidden = found.length - shown.length;
    note.hidden = all.length === 0 || (hidden === 0 && found.length > 0);
    setText(
      note,
      found.length === 0
        ? 'No service matches the filter.'
        : `${counted(hidden, 'more service')}: filter to find them.`,
    );
    setText(totals, totalsOf(all));
    journal.update(store.changes, store.skew);
  };
  let last: Store | null = null;
  filter.addEventListener('input', () => last && update(last));
  return {
    element,
    title: 'Services',
    filter,
    update(store) {
      last = store;
      update(store);
    },
  };
}

function totalsOf(services: readonly ServiceState[]): string {
  if (services.length === 0) return '';
  const instances = services.flatMap((service) => service.instances);
  const { up, used, spare } = readiness(instances);
  const ready = `${number(up)} of ${counted(used, 'instance')} ready${spare > 0 ? `, ${number(spare)} spare` : ''}`;
  const perSecond = services.reduce((sum, service) => sum + (service.rate ?? 0), 0);
  return `${counted(services.length, 'service')}, ${ready}, ${rate(perSecond)} requests/s`;
}

function card(name: string) {
  const href = `#/service/${encodeURIComponent(name)}`;
  const from = origin();
  const strip = figures();
  const more = el('a', { class: 'more', href });
  let table: InstancesTable | null = null;
  const link = el('a', { href, class: 'servicelink' }, name);
  const element = el(
    'article',
    { class: 'card', 'aria-label': `Service ${name}` },
    el('header', {}, el('h2', {}, link), from.element),
    strip.element,
    more,
  );
  return {
    element,
    update(service: ServiceState, open: boolean) {
      from.update(service);
      strip.update(service);
      if (!open) {
        table?.element.remove();
        table = null;
      } else {
        if (table === null) {
          table = shortTable(INSTANCES);
          more.before(table.element);
        }
        table.update(service);
      }
      const hidden = service.instances.length - INSTANCES;
      more.hidden = open && hidden <= 0;
      setText(more, open ? `All ${counted(service.instances.length, 'instance')}` : 'Open');
      setAttribute(more, 'aria-label', `${more.textContent ?? ''} of ${name}`);
    },
  };
}
