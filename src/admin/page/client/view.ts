import type { Store } from './store.ts';

/** What fills the page below its head. */
export interface View {
  readonly element: HTMLElement;
  readonly title: string;
  /** Where the key `/` goes. */
  readonly filter: HTMLElement | null;
  update(store: Store): void;
  /** It is not shown any more. */
  leave?(): void;
}
