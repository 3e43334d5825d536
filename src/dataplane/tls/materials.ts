import type { SecureContext } from 'node:tls';
import { type CertificateNames, certificateNames } from '../../base/certificate_names.ts';
import { contextOptions } from '../../base/tls_identity.ts';
import type { TlsMaterial, TlsStart } from '../../model/tls.ts';

/** Octets of the keys of session tickets, as Node takes them. */
const TICKET_KEYS = 48;

/** Told when the certificates that it uses are others now. */
type Listener = () => void;

/**
 * The certificates of a data thread. They come from the control plane, which has read and checked them, and are made into contexts when
 * they are first used. New ones concern new connections only.
 */
export class TlsMaterials {
  readonly #materials = new Map<string, TlsMaterial>();
  readonly #contexts = new Map<string, SecureContext>();
  /** Another with each change, by id: sessions of an earlier generation were verified by certificates that may count no more. */
  readonly #generations = new Map<string, number>();
  /** Changes so far, of all ids: one that is dropped and comes again gets a generation that was never there. */
  #changes = 0;
  readonly #listeners = new Map<string, Listener[]>();
  #ticketSecret: Uint8Array;

  constructor(start: TlsStart) {
    this.#ticketSecret = start.ticketSecret;
    for (const material of start.materials) this.#materials.set(material.id, material);
  }

  get(id: string): TlsMaterial {
    const material = this.#materials.get(id);
    if (material === undefined) throw new Error(`the control plane has told of no certificates for ${id}`);
    return material;
  }

  update(material: TlsMaterial): void {
    const { id } = material;
    this.#materials.set(id, material);
    this.#contexts.delete(id);
    this.#generations.set(id, ++this.#changes);
    for (const listener of this.#listeners.get(id) ?? []) listener();
  }

  /** Nothing will ask for these any more; connections that were made with them stay. Listeners keep theirs as long as they live. */
  drop(id: string): void {
    this.#materials.delete(id);
    this.#contexts.delete(id);
    this.#generations.delete(id);
  }

  /** New keys for session tickets, in all threads. */
  renewTickets(secret: Uint8Array): void {
    this.#ticketSecret = secret;
    for (const listeners of this.#listeners.values()) for (const listener of listeners) listener();
  }

  onChange(id: string, listener: Listener): void {
    this.#listeners.set(id, [...(this.#listeners.get(id) ?? []), listener]);
  }

  generation(id: string): number {
    return this.#generations.get(id) ?? 0;
  }

  /** For connections that we open. */
  context(id: string): SecureContext {
    let context = this.#contexts.get(id);
    if (context === undefined) {
      context = process.getBuiltinModule('node:tls').createSecureContext(contextOptions(this.get(id)));
      this.#contexts.set(id, context);
    }
    return context;
  }

  /**
   * The same for every thread, and of its own for each listener and each set of authorities: a ticket says that a client was verified, and
   * must not be taken where it would not have been.
   */
  ticketKeys(id: string): Buffer {
    const { ca, minVersion } = this.get(id);
    const { hkdfSync } = process.getBuiltinModule('node:crypto');
    const salt = Buffer.alloc(0);
    return Buffer.from(hkdfSync('sha256', this.#ticketSecret, salt, infoOf([id, minVersion, ca ?? '']), TICKET_KEYS));
  }

  /** The names in the certificate that we show ourselves. */
  ownNames(id: string): CertificateNames {
    const { cert } = this.get(id);
    const { X509Certificate } = process.getBuiltinModule('node:crypto');
    return certificateNames(cert === null ? undefined : new X509Certificate(cert).subjectAltName);
  }
}

/** HKDF takes at most 1024 octets here; a bundle of authorities is longer. */
function infoOf(parts: readonly string[]): Buffer {
  const { createHash } = process.getBuiltinModule('node:crypto');
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${part.length}:`).update(part);
  return hash.digest();
}
