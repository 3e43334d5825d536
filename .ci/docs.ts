import { mkdirSync, writeFileSync } from 'node:fs';
import { configurationMarkdown } from './configuration.ts';
import { limitsMarkdown } from './limits.ts';
import { referencePages } from './reference.ts';

/** Writes the documents that are made from the code; a test fails when they are out of date. */
writeFileSync(new URL('../docs/configuration.md', import.meta.url), configurationMarkdown());
writeFileSync(new URL('../docs/limits.md', import.meta.url), limitsMarkdown());
const reference = new URL('../docs/reference/', import.meta.url);
mkdirSync(reference, { recursive: true });
for (const [name, text] of Object.entries(await referencePages())) writeFileSync(new URL(name, reference), text);
