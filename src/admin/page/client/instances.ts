import { button, el, setAttribute, setText } from './dom.ts';
import { counted, latency, number, percent, rate } from './format.ts';
import { stateMark, toneOf } from './pictures.ts';
import { type InstanceState, natural, type ServiceState, shares } from './store.ts';

/** The worst first, and what is left out by choice last: what needs a look must not stand on page 20. */
const STATES = ['unhealthy', 'ejected', 'backoff', 'connecting', 'draining', 'ready', 'spare'];
const PER_PAGE = 50;

type Key = 'state' | 'address' | 'version' | 'rate' | 'failing' | 'p50' | 'p99' | 'inFlight' | 'steady';

const COLUMNS: readonly (readonly [key: Key, label: string, numeric: boolean])[] = [
  ['address', 'Instance', false],
  ['version', 'Version', false],
  ['state', 'State', false],
  ['rate', 'Requests/s', true],
  ['failing', 'Errors/s', true],
  ['p50', 'p50', true],
  ['p99', 'p99', true],
  ['inFlight', 'In flight', true],
  ['steady', 'Share', true],
];

export interface InstancesTable {
  readonly element: HTMLElement;
  update(service: ServiceState): void;
}

/** The first few instances, those in trouble before the others. */
export function shortTable(limit: number): InstancesTable {
  const { element, show } = table(COLUMNS.map(([, label, numeric]) => headCell(label, numeric)));
  return {
    element,
    update: (service) => show(service, [...service.instances].sort(byState).slice(0, limit)),
  };
}

/** All instances: filtered, sorted, and page by page. */
export function fullTable(): InstancesTable {
  let sortBy: Key = 'state';
  let descending = false;
  let page = 0;
  let shown: ServiceState | null = null;
  const filter = el('input', {
    type: 'search',
    placeholder: 'Filter by address, version, zone or state',
    'aria-label': 'Filter instances',
    class: 'filter',
  });
  const count = el('span', { class: 'muted', role: 'status' });
  const turn = (by: number): void => {
    page += by;
    refresh();
  };
  const previous = button('Previous', () => turn(-1));
  const next = button('Next', () => turn(1));
  const pager = el('nav', { class: 'pager', 'aria-label': 'Pages of instances' }, previous, next);
  const heads = COLUMNS.map(([key, label, numeric]) => {
    const sort = button(label, () => {
      descending = sortBy === key ? !descending : numeric;
      sortBy = key;
      page = 0;
      refresh();
    });
    return headCell(sort, numeric);
  });
  const { element: body, show } = table(heads);
  const refresh = (): void => {
    if (shown === null) return;
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = shown.instances.filter((instance) => {
      const text = `${instance.address} ${instance.id} ${instance.version ?? ''} ${instance.zone ?? ''} ${instance.state}`;
      return words.every((word) => text.toLowerCase().includes(word));
    });
    found.sort((a, b) => compare(a, b, sortBy) * (descending ? -1 : 1) || byName(a, b));
    page = Math.max(0, Math.min(page, Math.ceil(found.length / PER_PAGE) - 1));
    const from = page * PER_PAGE;
    const part = found.slice(from, from + PER_PAGE);
    show(shown, part, words.length > 0 ? 'No instance matches the filter.' : null);
    const all = found.length === shown.instances.length ? '' : ` of ${shown.instances.length}`;
    const paged = found.length > PER_PAGE;
    setText(
      count,
      `${paged ? `${from + 1} to ${from + part.length} of ` : ''}${counted(found.length, 'instance')}${all}`,
    );
    pager.hidden = !paged;
    previous.disabled = page === 0;
    next.disabled = from + PER_PAGE >= found.length;
    for (const [index, [key]] of COLUMNS.entries()) {
      const head = heads[index] as HTMLElement;
      setAttribute(head, 'aria-sort', key === sortBy ? (descending ? 'descending' : 'ascending') : null);
    }
  };
  filter.addEventListener('input', () => {
    page = 0;
    refresh();
  });
  return {
    element: el('div', {}, el('div', { class: 'tools' }, filter, count, pager), body),
    update(service) {
      shown = service;
      refresh();
    },
  };
}

const byState = (a: InstanceState, b: InstanceState): number => compare(a, b, 'state') || byName(a, b);

const byName = (a: InstanceState, b: InstanceState): number =>
  natural(a.version ?? '', b.version ?? '') || natural(a.address, b.address);

function compare(a: InstanceState, b: InstanceState, key: Key): number {
  if (key === 'state') return STATES.indexOf(a.state) - STATES.indexOf(b.state);
  if (key === 'address' || key === 'version') return natural(a[key] ?? '', b[key] ?? '');
  return (a[key] ?? -1) - (b[key] ?? -1);
}

function headCell(content: string | HTMLElement, numeric: boolean): HTMLTableCellElement {
  return el('th', { scope: 'col', role: 'columnheader', class: numeric ? 'num' : '' }, content);
}

interface Row {
  readonly element: HTMLTableRowElement;
  update(instance: InstanceState, share: number | null, tone: string): void;
}

/** Explicit roles: on a phone the rows become cards, and browsers forget tables that are laid out as something else. */
function table(heads: readonly HTMLElement[]) {
  const body = el('tbody', { role: 'rowgroup' });
  const none = el('p', { class: 'empty small' });
  const head = el('thead', { role: 'rowgroup' }, el('tr', { role: 'row' }, ...heads));
  const grid = el('table', { role: 'table', class: 'instances', 'aria-label': 'Instances' }, head, body);
  const element = el('div', { class: 'scroll' }, grid, none);
  const rows: Row[] = [];
  const show = (service: ServiceState, instances: readonly InstanceState[], why: string | null = null): void => {
    const shareOf = shares(service);
    const tone = toneOf(service);
    while (rows.length > instances.length) rows.pop()?.element.remove();
    while (rows.length < instances.length) {
      const row = tableRow();
      rows.push(row);
      body.append(row.element);
    }
    for (const [index, instance] of instances.entries()) {
      rows[index]?.update(instance, shareOf(instance), tone(instance.version));
    }
    none.hidden = instances.length > 0;
    grid.hidden = instances.length === 0;
    setText(none, why ?? whyEmpty(service));
  };
  return { element, show };
}

function whyEmpty({ tick, description: { registry } }: ServiceState): string {
  if (tick === null || tick.age !== null) return `No instances: the registry "${registry}" knows none.`;
  return `No instances yet: the registry "${registry}" has not answered.`;
}

function tableRow(): Row {
  const name = el('b');
  const id = el('small');
  const version = el('span', { class: 'tag' });
  const state = stateMark();
  const figure = (label: string): HTMLElement => el('td', { role: 'cell', class: 'num', 'data-label': label });
  const requests = figure('Requests/s');
  const errors = figure('Errors/s');
  const p50 = figure('p50');
  const p99 = figure('p99');
  const inFlight = figure('In flight');
  const bar = el('i');
  const share = el('span');
  const element = el(
    'tr',
    { role: 'row' },
    el('th', { role: 'rowheader', scope: 'row', class: 'name' }, name, id),
    el('td', { role: 'cell', class: 'versioncell' }, version),
    el('td', { role: 'cell', class: 'statecell' }, state.element),
    requests,
    errors,
    p50,
    p99,
    inFlight,
    el('td', { role: 'cell', class: 'num share' }, el('span', { class: 'bar', 'aria-hidden': 'true' }, bar), share),
  );
  return {
    element,
    update(instance, part, tone) {
      setText(name, instance.address);
      setAttribute(name, 'title', instance.address);
      const zone = instance.zone === null ? '' : `zone ${instance.zone}`;
      const known = instance.id === instance.address ? '' : instance.id;
      setText(id, [known, zone].filter(Boolean).join(' · '));
      setText(version, instance.version ?? 'none');
      setAttribute(version, 'class', `tag ${instance.version === null ? 'nothing' : tone}`);
      state.update(instance.state, instance.reason);
      setText(requests, rate(instance.rate));
      setText(errors, rate(instance.failing));
      setAttribute(errors, 'class', (instance.failing ?? 0) > 0 ? 'num bad' : 'num');
      setAttribute(
        errors,
        'title',
        `${number(instance.failures)} of ${number(instance.requests)} requests failed so far`,
      );
      setText(p50, latency(instance.p50));
      setText(p99, latency(instance.p99));
      setText(inFlight, number(instance.inFlight));
      bar.style.width = `${(part ?? 0) * 100}%`;
      setAttribute(bar, 'class', tone);
      setText(share, percent(part));
    },
  };
}
