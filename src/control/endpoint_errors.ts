/** Why instances cannot be connected to, as the data threads last told; nothing is kept of those that can. */
export class EndpointErrors {
  /** By service, then by address, then by thread. */
  readonly #services = new Map<string, Map<string, Map<number, string>>>();

  /** `error` is null when the thread can connect again, or does not try any more. */
  set(thread: number, service: string, address: string, error: string | null): void {
    const addresses = this.#services.get(service) ?? new Map<string, Map<number, string>>();
    const threads = addresses.get(address) ?? new Map<number, string>();
    if (error === null) threads.delete(thread);
    else threads.set(thread, error);
    if (threads.size > 0) addresses.set(address, threads);
    else addresses.delete(address);
    if (addresses.size > 0) this.#services.set(service, addresses);
    else this.#services.delete(service);
  }

  /** A data thread died; the one in its place begins anew. */
  threadDied(thread: number): void {
    for (const [service, addresses] of [...this.#services]) {
      for (const address of [...addresses.keys()]) this.set(thread, service, address, null);
    }
  }

  /** What one of the threads has to complain of; null when none has. */
  get(service: string, address: string): string | null {
    for (const error of this.#services.get(service)?.get(address)?.values() ?? []) return error;
    return null;
  }
}
