import type { KubernetesClient, Page } from './client.ts';
import { ApiError } from './errors.ts';

/** How often a list begins again because a page came too late, before that counts as a failure. */
const MAX_RELISTS = 3;

/** All EndpointSlices of a namespace as they were at one moment, page by page. Rejects as the client does. */
export async function listAll(
  client: KubernetesClient,
  namespace: string,
  signal: AbortSignal,
): Promise<Pick<Page, 'items' | 'resourceVersion'>> {
  const items: unknown[] = [];
  let next: string | null = null;
  for (let relists = 0; ; ) {
    try {
      const page: Page = await client.list(namespace, next, signal);
      for (const item of page.items) items.push(item);
      if (page.next === null) return { items, resourceVersion: page.resourceVersion };
      next = page.next;
    } catch (error) {
      // The pages are those of one moment, which the server keeps for some minutes only.
      if (!(error instanceof ApiError && error.gone) || next === null || ++relists > MAX_RELISTS) throw error;
      items.length = 0;
      next = null;
    }
  }
}
