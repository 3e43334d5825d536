import { writeFileSync } from 'node:fs';
import { configurationMarkdown } from './configuration.ts';

/** Writes the documents that are made from the code; a test fails when they are out of date. */
writeFileSync(new URL('../docs/configuration.md', import.meta.url), configurationMarkdown());
