import { el, setAttribute, setText } from './dom.ts';
import { ago, latency, number, percent, rate } from './format.ts';
import { shareBar, sparkline } from './pictures.ts';
import { readiness, type ServiceState } from './store.ts';

/** One figure with its name, and perhaps a picture. */
function figure(label: string, picture: Element | null = null) {
  const value = el('b');
  const more = el('small');
  const element = el('div', { class: 'figure' }, el('dt', {}, label), el('dd', {}, value, more, picture));
  return {
    element,
    set(text: string, detail = '', tone = '') {
      setText(value, text);
      setText(more, detail);
      setAttribute(element, 'class', `figure ${tone}`.trim());
    },
  };
}

/** The figures of a service in one strip, and how its requests are shared out. */
export function figures(): { readonly element: HTMLElement; update(service: ServiceState): void } {
  const requestLine = sparkline('Requests per second', 'calm');
  const errorLine = sparkline('Errors per second', 'bad');
  const requests = figure('Requests/s', requestLine.element);
  const errors = figure('Errors', errorLine.element);
  const p50 = figure('p50');
  const p99 = figure('p99');
  const inFlight = figure('In flight');
  const ready = figure('Ready');
  const bar = shareBar();
  const all = [requests, errors, p50, p99, inFlight, ready];
  return {
    element: el('div', {}, el('dl', { class: 'figures' }, ...all.map(({ element }) => element)), bar.element),
    update(service) {
      const { tick, instances, rate: perSecond, errors: failing } = service;
      const share = perSecond !== null && failing !== null && perSecond > 0 ? failing / perSecond : null;
      requests.set(rate(perSecond));
      errors.set(failing === 0 ? '0' : percent(share), failing ? `${rate(failing)}/s` : '', failing ? 'bad' : '');
      p50.set(latency(tick?.p50 ?? null));
      p99.set(latency(tick?.p99 ?? null));
      inFlight.set(number(tick?.inFlight ?? 0), tick?.pending ? `${number(tick.pending)} waiting` : '');
      const { up, used, spare } = readiness(instances);
      const tone = up === used && up > 0 ? '' : up === 0 ? 'bad' : 'warn';
      ready.set(number(up), `of ${number(used)}${spare > 0 ? `, ${number(spare)} spare` : ''}`, tone);
      requestLine.update(service.rates);
      errorLine.update(service.errorRates);
      bar.update(service);
    },
  };
}

/** Where the instances come from, and how fresh that is. */
export function origin(): { readonly element: HTMLElement; update(service: ServiceState): void } {
  const where = el('span');
  const age = el('span', { class: 'age' });
  const stale = el('strong', { class: 'badge warn', hidden: true }, 'stale');
  const trouble = el('span', { class: 'trouble' });
  return {
    element: el('p', { class: 'origin' }, stale, age, where, trouble),
    update({ description: { registry, path, balance, format }, tick, heardAt }) {
      setText(where, [`registry ${registry}`, path, `format ${format}`, balance].filter(Boolean).join(' · '));
      const since = tick?.age ?? null;
      setText(age, since === null ? 'no answer yet' : `heard ${ago(since + Date.now() - heardAt)}`);
      stale.hidden = tick?.stale !== true;
      setText(trouble, tick?.trouble ?? '');
      trouble.hidden = !tick?.trouble;
    },
  };
}
