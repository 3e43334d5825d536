import { configJsonSchema } from '../config/reference.ts';
import type { Output } from './check_print.ts';

/** The `schema` command: prints the JSON Schema of the config. Returns the exit code. */
export function runSchema(output: Output): number {
  output.out(`${JSON.stringify(configJsonSchema(), null, 2)}\n`);
  return 0;
}
