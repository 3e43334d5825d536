import type { ExecutionContext } from 'ava';
import fc from 'fast-check';

/** Checks a property and says, when it fails, on which input and with which error: ava alone shows only one of them. */
export async function holds<Input>(
  t: ExecutionContext<unknown>,
  property: fc.IProperty<Input> | fc.IAsyncProperty<Input>,
  parameters: fc.Parameters<Input> = {},
): Promise<void> {
  const run = await fc.check(property as fc.IAsyncProperty<Input>, parameters);
  if (run.failed) t.fail(`${fc.defaultReportMessage(run)}\n${String(run.errorInstance)}`);
  else t.pass();
}
