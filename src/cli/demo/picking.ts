import type { Answer, BookClient } from './book_client.ts';
import type { BookInstance } from './book_instance.ts';
import { printTallies, say } from './print.ts';
import { callMany, type Tally } from './tally.ts';

/** Who answers with and without `x-version`. Returns the number of calls that failed and should not have. */
export async function showPicking(client: BookClient, instances: readonly BookInstance[]): Promise<number> {
  const rows: [string, Tally][] = [];
  const add = async (label: string, calls: number, call: () => Promise<Answer>) => {
    rows.push([label, await callMany(calls, 1, call)]);
  };
  await add('unary', 30, () => client.getBook());
  await add('unary, x-version: v1', 30, () => client.getBook('v1'));
  await add('unary, x-version: v2', 30, () => client.getBook('v2'));
  await add('server stream', 30, () => client.listBooks());
  await add('server stream, x-version: v2', 30, () => client.listBooks('v2'));
  await add('bidirectional stream', 30, () => client.discuss());
  printTallies(rows, instances);

  const nobody = await client.getBook('v9');
  say();
  say('  unary, x-version: v9: nobody has v9, so the sidecar itself answers, as it should:');
  if (nobody.ok || nobody.status !== 14) {
    say(
      `  ${nobody.ok ? `answered by ${nobody.instance}` : `status ${nobody.status}: ${nobody.message}`}: NOT EXPECTED`,
    );
    return failures(rows) + 1;
  }
  say(`  status ${nobody.status}, ${nobody.message}`);
  return failures(rows);
}

function failures(rows: readonly (readonly [string, Tally])[]): number {
  return rows.reduce((sum, [, tally]) => sum + tally.failed, 0);
}
