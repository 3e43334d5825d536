import type { Route, Routing } from '../../model/service.ts';
import type { ServiceUpstream } from '../upstream/service_upstream.ts';
import type { RequestView } from './request_view.ts';

/** Hosts that are never a service to look up: the sidecar's own names, and IP addresses. */
const NOT_A_SERVICE = /^(localhost|\d+\.\d+\.\d+\.\d+|\[.*\]|)$/;

/** The longest host name there is (RFC 1035 section 2.3.4): nobody is asked for anything longer. */
const LONGEST_NAME = 253;

/** Where the router finds services, and asks for ones it has never heard of. */
export interface ServiceDirectory {
  get(name: string): ServiceUpstream | undefined;
  /** A service that the registry is to be asked for; requests wait in it. */
  discover(name: string): ServiceUpstream;
}

/**
 * Which service a request is for: 1. `x-outrigger-service`; 2. the first matching route; 3. the host of `:authority`, when it
 * names a service; 4. discovery of that host; 5. the default service. Decisions are kept on the request view until something
 * that they rest on changes.
 */
export class Router {
  /** Grows whenever an earlier decision may be wrong. */
  epoch = 0;
  readonly #directory: ServiceDirectory;
  #routing: Routing;

  constructor(directory: ServiceDirectory, routing: Routing) {
    this.#directory = directory;
    this.#routing = routing;
  }

  configure(routing: Routing): void {
    this.#routing = routing;
    this.epoch++;
  }

  /** The set of services, or what is known of one, changed. */
  invalidate(): void {
    this.epoch++;
  }

  /** Null: no rule names a service (`no_route`). */
  route(view: RequestView): ServiceUpstream | null {
    if (view.routedAt === this.epoch) return view.service;
    const service = this.#decide(view);
    view.service = service;
    view.routedAt = this.epoch;
    return service;
  }

  /** Which service, and which rule says so: for those who ask why. Nothing is looked up in a registry. */
  explain(view: RequestView): { readonly service: ServiceUpstream | null; readonly rule: string } {
    const find = (name: string): ServiceUpstream | null => this.#directory.get(name) ?? null;
    const told = (name: string, rule: string) => {
      const service = find(name);
      return { service, rule: service === null ? `${rule}, but there is no service "${name}" yet` : rule };
    };
    if (view.explicitService !== null) return told(view.explicitService, 'the header x-outrigger-service names it');
    const route = this.#routeOf(view);
    if (route !== null) return told(route.service, `the route for ${route.path} names it`);
    const known = this.#directory.get(view.host) ?? this.#directory.get(view.host.toLowerCase());
    const fallback = this.#routing.defaultService;
    if (known !== undefined && !(known.isVacant && fallback !== null)) {
      return { service: known, rule: `the authority "${view.head.authority}" names it` };
    }
    if (known === undefined && this.#canDiscover(view.host) && !NOT_A_SERVICE.test(view.host)) {
      return {
        service: null,
        rule: `"${view.host}" would be looked up in the registry (discover) by the first request for it`,
      };
    }
    if (fallback !== null) return told(fallback, 'it is the default_service');
    return { service: null, rule: `nothing names a service: no header, no route, and "${view.host}" is none` };
  }

  /** Where a request may go whose service, found by its authority, turned out to have no instances: the default service, or nowhere. */
  secondChoice(view: RequestView): ServiceUpstream | null {
    const fallback = this.#routing.defaultService;
    return fallback === null || this.#ruled(view) !== null ? null : this.#named(fallback);
  }

  /** The service that the request's header or a route names; null when it is left to the authority. */
  #ruled(view: RequestView): string | null {
    if (view.explicitService !== null) return view.explicitService;
    return this.#routeOf(view)?.service ?? null;
  }

  #routeOf(view: RequestView): Route | null {
    for (const route of this.#routing.routes) {
      if (view.head.path.startsWith(route.path) && (route.host === null || route.host === view.host)) return route;
    }
    return null;
  }

  #decide(view: RequestView): ServiceUpstream | null {
    const ruled = this.#ruled(view);
    if (ruled !== null) return this.#named(ruled);
    const fallback = this.#routing.defaultService;
    // Host names are compared without regard to case (RFC 9110 section 4.2.3); services are usually named in lower case.
    const known = this.#directory.get(view.host) ?? this.#directory.get(view.host.toLowerCase());
    // A discovered name that turned out to have no instances is no answer while a default is there.
    if (known !== undefined && !(known.isVacant && fallback !== null)) return known;
    if (known === undefined && this.#canDiscover(view.host) && !NOT_A_SERVICE.test(view.host)) {
      return this.#directory.discover(view.host);
    }
    return fallback === null ? null : this.#named(fallback);
  }

  #named(name: string): ServiceUpstream | null {
    const known = this.#directory.get(name);
    if (known !== undefined) return known;
    return this.#canDiscover(name) ? this.#directory.discover(name) : null;
  }

  #canDiscover(name: string): boolean {
    return this.#routing.discover && name.length <= LONGEST_NAME;
  }
}
