import { writeFileSync } from 'node:fs';
import { assemblePage } from '../src/admin/page/assemble.ts';

// The compiled program serves the page as one file that is ready.
writeFileSync(new URL('../dist/admin/page/index.html', import.meta.url), await assemblePage());
