import { el, setText } from './dom.ts';
import { explainForm } from './explain.ts';
import { counted, number, percent } from './format.ts';
import { fullTable } from './instances.ts';
import { journalList } from './journal.ts';
import { histogram, toneOf } from './pictures.ts';
import { type ServiceState, type Store, versions } from './store.ts';
import { figures, origin } from './summary.ts';
import { requestsList } from './tap.ts';
import type { View } from './view.ts';

/** All about one service. */
export function servicePage(name: string): View {
  const missing = el('p', { class: 'empty', hidden: true }, `There is no service "${name}" here, or not any more.`);
  const content = el('div', { class: 'service' });
  const element = el(
    'div',
    {},
    el('nav', { 'aria-label': 'Breadcrumb', class: 'crumbs' }, el('a', { href: '#/' }, 'All services')),
    el('h1', {}, name),
    missing,
    content,
  );
  let shown: ReturnType<typeof body> | null = null;
  return {
    element,
    title: name,
    get filter() {
      return content.querySelector<HTMLElement>('.filter');
    },
    update(store) {
      const service = store.services.get(name);
      missing.hidden = service !== undefined || !store.ticked;
      content.hidden = service === undefined;
      if (service === undefined || store.hello === null) return;
      if (shown === null) {
        shown = body(name, store);
        content.append(...shown.elements);
      }
      shown.update(service, store);
    },
    leave: () => shown?.leave(),
  };
}

function panel(title: string, ...children: readonly HTMLElement[]): HTMLElement {
  const id = `panel-${title.toLowerCase().replaceAll(/\W+/g, '-')}`;
  return el('section', { class: 'card', 'aria-labelledby': id }, el('h2', { id }, title), ...children);
}

function body(name: string, store: Store) {
  const can = store.hello?.can ?? [];
  const from = origin();
  const strip = figures();
  const latencies = histogram(store.hello?.bounds ?? []);
  const table = fullTable();
  const shared = versionShares();
  const requests = requestsList(name, can.includes('GET /tap'));
  const journal = journalList(30);
  const explain = can.includes('GET /explain') ? [panel('Why this instance?', explainForm(name))] : [];
  return {
    elements: [
      from.element,
      el('section', { class: 'card wide', 'aria-label': 'Figures' }, strip.element),
      panel('Latency', latencies.element),
      panel('Versions', shared.element),
      panel('Instances', table.element),
      el('div', { class: 'column' }, ...explain, panel('What changed lately', journal.element)),
      panel('Recent requests', requests.element),
    ],
    update(service: ServiceState, { changes, skew }: Store) {
      from.update(service);
      strip.update(service);
      latencies.update(service);
      shared.update(service);
      table.update(service);
      const { registry } = service.description;
      const own = (change: (typeof changes)[number]): boolean =>
        change.service === name ||
        (change.service === null && (change.registry === null || change.registry === registry));
      journal.update(changes.filter(own), skew);
    },
    leave: requests.leave,
  };
}

/** A line for each version: its instances, and its share of the requests. */
function versionShares() {
  const list = el('ul', { class: 'versions' });
  return {
    element: list,
    update(service: ServiceState) {
      const all = versions(service);
      const tone = toneOf(service);
      while (list.children.length > all.length) list.lastElementChild?.remove();
      while (list.children.length < all.length) {
        const bar = el('span', { class: 'bar', 'aria-hidden': 'true' }, el('i'));
        list.append(el('li', {}, el('b'), el('span', { class: 'muted' }), bar, el('span', { class: 'num' })));
      }
      for (const [index, { version, instances, spare, share }] of all.entries()) {
        const [label, count, bar, part] = (list.children[index] as HTMLElement).children as unknown as HTMLElement[];
        if (!label || !count || !bar || !part) continue;
        setText(label, version === '' ? 'no version' : version);
        setText(count, `${counted(instances, 'instance')}${spare > 0 ? `, ${number(spare)} spare` : ''}`);
        const fill = bar.firstElementChild as HTMLElement;
        fill.className = tone(version);
        fill.style.width = `${(share ?? 0) * 100}%`;
        setText(part, percent(share));
      }
    },
  };
}
