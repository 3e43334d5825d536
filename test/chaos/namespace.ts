import { spawnSync } from 'node:child_process';

/**
 * A network namespace with one host in it, joined to ours by a pair of virtual interfaces: what an instance in it sends can be thrown away as
 * a network would do it, without a word to anybody. Needs root and iproute2.
 */
export class Namespace {
  readonly name: string;
  /** Our address, and that of the host inside: of a block for tests of networks (RFC 2544). */
  readonly #here: string;
  readonly host: string;
  #removed = false;

  private constructor(name: string, block: number) {
    this.name = name;
    this.#here = `198.18.${block}.1`;
    this.host = `198.18.${block}.2`;
  }

  /** Null when this machine does not let us. */
  static create(): Namespace | null {
    const block = process.pid % 250;
    const namespace = new Namespace(`chaos${process.pid}`, block);
    process.once('exit', () => namespace.remove());
    if (namespace.#build()) return namespace;
    namespace.remove();
    return null;
  }

  #build(): boolean {
    const { name } = this;
    const [outer, inner] = [`${name}h`, `${name}n`];
    return [
      ['netns', 'add', name],
      ['link', 'add', outer, 'type', 'veth', 'peer', 'name', inner],
      ['link', 'set', inner, 'netns', name],
      ['addr', 'add', `${this.#here}/30`, 'dev', outer],
      ['link', 'set', outer, 'up'],
      ['-n', name, 'addr', 'add', `${this.host}/30`, 'dev', inner],
      ['-n', name, 'link', 'set', inner, 'up'],
      ['-n', name, 'link', 'set', 'lo', 'up'],
    ].every((args) => ip(args));
  }

  /** While it is on, nothing that the host sends arrives, acknowledgements included. */
  set blackHole(on: boolean) {
    const route = on ? ['replace', 'blackhole'] : ['del', 'blackhole'];
    if (!ip(['-n', this.name, 'route', ...route, `${this.#here}/32`])) throw new Error('cannot change the route');
  }

  remove(): void {
    if (this.#removed) return;
    this.#removed = true;
    ip(['netns', 'del', this.name]);
    ip(['link', 'del', `${this.name}h`]);
  }
}

function ip(args: readonly string[]): boolean {
  return spawnSync('ip', args, { stdio: 'ignore', timeout: 10_000 }).status === 0;
}
