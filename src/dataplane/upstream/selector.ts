import type { Reason } from '../../base/errors.ts';
import { hash32 } from '../../base/hash.ts';
import type { RequestRules } from '../../model/resilience.ts';
import type { Fallback, LabelRule, ServiceSettings } from '../../model/service.ts';
import { hashOf } from '../routing/request_key.ts';
import type { RequestView } from '../routing/request_view.ts';
import { parseVersions, type VersionTerm } from '../routing/version_expression.ts';
import type { Endpoint } from './endpoint.ts';
import { describeNoLabel, describeNoVersion, describeVersions } from './failure_text.ts';
import type { Subset } from './subset.ts';
import type { SubsetTable } from './subset_table.ts';

/** What a request gets when it asks for instances. */
export type Selection = Subset | Refusal;

/** Why a request cannot go anywhere; turned into an answer by the exchange. */
export class Refusal {
  readonly reason: Reason;
  readonly message: string;
  constructor(reason: Reason, message: string) {
    this.reason = reason;
    this.message = message;
  }
}

/** What else than the version a request insists on. */
interface Wish {
  readonly label: string;
  readonly value: string;
}

/** One filter of a request, told in words. */
export interface FilterText {
  readonly name: string;
  readonly text: string;
  /** Null: the instance passes. */
  readonly whyNot: (endpoint: Endpoint) => string | null;
}

/** What the selector must know of the service. */
export interface Selectable {
  readonly name: string;
  readonly settings: ServiceSettings;
  readonly endpoints: readonly Endpoint[];
  readonly subsets: SubsetTable;
  noInstance(): Refusal;
  random(): number;
}

const ANY: readonly VersionTerm[] = [{ kind: 'any' }];
const MOST_EXPRESSIONS = 200;

/**
 * Which instances of a service a request may go to: its version (named, or shared out by weights), the labels it insists on, and the
 * method it calls, where instances have switched methods off. Nearly every request asks for one version or for none, and finds its
 * subset with one look.
 */
export class Selector {
  readonly #service: Selectable;
  #expressions = new Map<string, readonly VersionTerm[]>();
  /** `describeNoVersion` of this set, but for the version asked for; made when it is first needed. */
  #versionCounts: string | null = null;
  /** Methods that some instance has switched off. */
  #switchedOff: ReadonlySet<string> = new Set();
  /** Methods whose rate some instance limits. */
  #limited: ReadonlySet<string> = new Set();
  /** Nothing but the version decides. */
  #plain = true;

  constructor(service: Selectable) {
    this.#service = service;
  }

  /** The set of instances, or the settings, have changed. */
  changed(): void {
    this.#versionCounts = null;
    const off = new Set<string>();
    const limited = new Set<string>();
    for (const { record } of this.#service.endpoints) {
      const { methods } = record;
      if (methods === undefined || methods === null) continue;
      for (const [method, { online, limit }] of Object.entries(methods)) {
        if (!online) off.add(method);
        if (limit !== null) limited.add(method);
      }
    }
    this.#limited = limited;
    this.#switchedOff = off;
    const { matches } = this.#service.settings;
    this.#plain = off.size === 0 && matches.length === 0;
  }

  /** Whether some instance limits the rate of the method that the request calls. */
  limitsRate(view: RequestView): boolean {
    return this.#limited.size > 0 && this.#limited.has(view.method);
  }

  /** The instances for a request, by the rules of its method. */
  select(view: RequestView, rules: RequestRules): Selection {
    const { settings, subsets } = this.#service;
    const rule = settings.version;
    const wanted = this.#wanted(view, rules);
    if (this.#plain && rules.balance === settings.balance) {
      if (wanted === null) return subsets.all.members.length > 0 ? subsets.all : this.#service.noInstance();
      const subset = subsets.ofVersion(wanted);
      if (subset !== undefined && (rule.unhealthyFallback === 'none' || subset.usable)) return subset;
    }
    return this.#choose(view, rules, wanted);
  }

  /** What version the request is for, an expression; null: any. */
  #wanted(view: RequestView, rules: RequestRules): string | null {
    const asked = view.version(this.#service.settings.version.header);
    return asked !== null && asked !== '' ? asked : (rules.wants ?? this.#ownWish(view));
  }

  /** The filters of a request in words, for those who ask why. `selected` is what `select` gave; null when it refused. */
  reasons(view: RequestView, rules: RequestRules, selected: Subset | null): FilterText[] {
    const { settings, subsets } = this.#service;
    const { header } = settings.version;
    const wanted = this.#wanted(view, rules);
    const asked = view.version(header);
    const named = asked !== null && asked !== '';
    const by = named ? `${header}: ${asked}` : rules.wants !== null ? `${rules.wants}, by the method` : null;
    const what = by ?? (wanted === null ? `any: no ${header}` : `${wanted}, as no ${header} is given`);
    const wishes = wishesOf(view, settings.matches);
    const terms = wanted === null ? ANY : this.#terms(wanted);
    const isWanted = (endpoint: Endpoint): boolean => terms.some((term) => matchesTerm(term, endpoint.record.version));
    const members = selected === null || selected === subsets.all ? null : new Set(selected.members);
    const fallsBack = members !== null && ![...members].some(isWanted);
    const texts: FilterText[] = [];
    texts.push({
      name: 'version',
      text: fallsBack ? `${what}; nobody has it, the fallback serves` : what,
      whyNot: (endpoint) => {
        if (fallsBack ? members.has(endpoint) : isWanted(endpoint)) return null;
        return endpoint.record.version === null ? 'has no version' : `is ${endpoint.record.version}`;
      },
    });
    if (this.#switchedOff.has(view.method)) {
      texts.push({
        name: 'method',
        text: `${view.method} is not switched off`,
        whyNot: ({ record }) => (record.methods?.[view.method]?.online === false ? 'its record switches it off' : null),
      });
    }
    if (wishes.length > 0) {
      texts.push({
        name: 'labels',
        text: wishes.map(({ label, value }) => `${label} = ${value}`).join(', '),
        whyNot: (endpoint) => {
          if (members === null ? wishes.every((wish) => hasLabel(endpoint, wish)) : members.has(endpoint)) return null;
          const missing = wishes.filter((wish) => !hasLabel(endpoint, wish));
          const named = missing.map(({ label }) => `${label} is ${labelOf(endpoint.record, label) ?? 'not given'}`);
          return named.join(', ') || 'others match more';
        },
      });
    }
    return texts;
  }

  /** The version of a request that names none: drawn by weight, or the default. */
  #ownWish(view: RequestView): string | null {
    const { weights, sticky, default: fallback } = this.#service.settings.version;
    if (weights === null) return fallback;
    const { subsets } = this.#service;
    let total = 0;
    for (const { version, weight } of weights) if (subsets.ofVersion(version)?.usable) total += weight;
    if (total <= 0) return fallback ?? weights[0]?.version ?? null;
    const key = sticky === null ? null : hashOf(view, sticky);
    // A hash of the key alone would send the same clients to the new version of every service.
    const share = key === null ? this.#service.random() : hash32(this.#service.name, key) / 2 ** 32;
    let left = share * total;
    for (const { version, weight } of weights) {
      if (!subsets.ofVersion(version)?.usable) continue;
      left -= weight;
      if (left < 0) return version;
    }
    return fallback;
  }

  #choose(view: RequestView, rules: RequestRules, wanted: string | null): Selection {
    const { settings, subsets } = this.#service;
    if (subsets.all.members.length === 0) return this.#service.noInstance();
    const { fallback, unhealthyFallback } = settings.version;
    const wishes = wishesOf(view, settings.matches);
    const terms = wanted === null ? ANY : this.#terms(wanted);
    const first = this.#best(terms, wishes, view, rules);
    if (first !== null && (first.usable || unhealthyFallback === 'none')) return first;
    const second = this.#best(this.#fallbackTerms(first === null ? fallback : unhealthyFallback), wishes, view, rules);
    if (second !== null && (first === null || second.usable)) return second;
    return first ?? this.#noMatch(wanted, terms, wishes);
  }

  #fallbackTerms(fallback: Fallback): readonly VersionTerm[] {
    if (fallback === 'none') return [];
    return fallback === 'any' ? ANY : fallback.flatMap((version) => this.#terms(version));
  }

  /** The first alternative that has a usable instance, else the first that has any; null when none has. */
  #best(terms: readonly VersionTerm[], wishes: readonly Wish[], view: RequestView, rules: RequestRules): Subset | null {
    let found: Subset | null = null;
    for (const term of terms) {
      for (const combination of this.#combinations(wishes)) {
        const subset = this.#subset(term, combination, view, rules);
        if (subset.members.length === 0) continue;
        if (subset.usable) return subset;
        found ??= subset;
      }
    }
    return found;
  }

  /** Which wishes to insist on, in order. */
  #combinations(wishes: readonly Wish[]): (readonly Wish[])[] {
    if (wishes.length === 0) return [wishes];
    const { matchOrder, matches } = this.#service.settings;
    if (matchOrder.length > 0) {
      return matchOrder.map((labels) => wishes.filter(({ label }) => labels.includes(label)));
    }
    const combinations: (readonly Wish[])[] = [wishes];
    let rest = wishes;
    for (const { label, fallback } of matches.toReversed()) {
      if (fallback === 'none' || !rest.some((wish) => wish.label === label)) continue;
      rest = rest.filter((wish) => wish.label !== label);
      combinations.push(rest);
    }
    return combinations;
  }

  #subset(term: VersionTerm, wishes: readonly Wish[], view: RequestView, rules: RequestRules): Subset {
    const { settings, subsets } = this.#service;
    const method = this.#switchedOff.has(view.method) ? view.method : '';
    if (wishes.length === 0 && method === '' && rules.balance === settings.balance) {
      if (term.kind === 'any') return subsets.all;
      const known = term.kind === 'exact' ? subsets.ofVersion(term.version) : undefined;
      if (known !== undefined) return known;
    }
    const version = nameOf(term);
    const labels = wishes.map(({ label, value }) => `${label}=${value}`);
    const name = [version, ...labels].filter((part) => part !== '').join(', ');
    const key = [term.kind, version, rules.balance, method, ...labels].join('\u0000');
    return subsets.derived(key, name, rules.balance, ({ record }) => {
      if (!matchesTerm(term, record.version)) return false;
      if (method !== '' && record.methods?.[method]?.online === false) return false;
      return wishes.every(({ label, value }) => labelOf(record, label) === value);
    });
  }

  #terms(expression: string): readonly VersionTerm[] {
    const known = this.#expressions.get(expression);
    if (known !== undefined) return known;
    const terms = parseVersions(expression);
    // Clients may send anything: what they send is remembered up to a bound.
    if (this.#expressions.size >= MOST_EXPRESSIONS) this.#expressions = new Map();
    this.#expressions.set(expression, terms);
    return terms;
  }

  #noMatch(wanted: string | null, terms: readonly VersionTerm[], wishes: readonly Wish[]): Refusal {
    const { name, endpoints } = this.#service;
    this.#versionCounts ??= describeVersions(endpoints);
    const isThere = terms.some((term) => endpoints.some(({ record }) => matchesTerm(term, record.version)));
    const message =
      wanted === null || isThere
        ? describeNoLabel(name, wanted, wishes, this.#versionCounts)
        : describeNoVersion(name, wanted, this.#versionCounts);
    return new Refusal('no_version', message);
  }
}

function wishesOf(view: RequestView, matches: readonly LabelRule[]): readonly Wish[] {
  const wishes: Wish[] = [];
  for (const { header, label } of matches) {
    const value = view.list.get(header);
    if (value !== null && value !== '') wishes.push({ label, value });
  }
  return wishes;
}

function hasLabel(endpoint: Endpoint, { label, value }: Wish): boolean {
  return labelOf(endpoint.record, label) === value;
}

function nameOf(term: VersionTerm): string {
  return term.kind === 'exact' ? term.version : term.kind === 'range' ? term.range : '';
}

function matchesTerm(term: VersionTerm, version: string | null): boolean {
  if (term.kind === 'any') return true;
  if (version === null) return false;
  return term.kind === 'exact' ? version === term.version : term.matches(version);
}

function labelOf(record: Endpoint['record'], label: string): string | null {
  if (label === 'zone' && record.zone !== null) return record.zone;
  return Object.hasOwn(record.metadata, label) ? (record.metadata[label] as string) : null;
}
