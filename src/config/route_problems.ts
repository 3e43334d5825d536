import type { Report } from './report.ts';
import { lengthAt, type Tree, textAt } from './tree.ts';

/** Finds routes that can never be taken. */
export function checkRoutes(tree: Tree, report: Report): void {
  const earlier: { readonly path: string; readonly host: string | undefined }[] = [];
  for (let at = 0; at < lengthAt(tree, ['routes']); at++) {
    const path = textAt(tree, ['routes', at, 'path']);
    const host = textAt(tree, ['routes', at, 'host']);
    if (path === undefined) continue;
    const first = earlier.findIndex(
      (route) => path.startsWith(route.path) && (route.host === undefined || route.host === host),
    );
    if (first !== -1) {
      report(
        ['routes', at],
        `never matches: routes[${first}] takes all its requests`,
        'put the more specific route first',
      );
    }
    earlier.push({ path, host });
  }
}
