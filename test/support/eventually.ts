import { setTimeout as delay } from 'node:timers/promises';

/** How long `eventually` is patient, in milliseconds; slow machines set `OUTRIGGER_TEST_PATIENCE`. */
export const PATIENCE = Number(process.env.OUTRIGGER_TEST_PATIENCE ?? 10_000);

/** Calls `probe` until it neither throws nor returns false, and gives its result. Its last complaint is the error at the end. */
export async function eventually<T>(probe: () => T | Promise<T>, patience = PATIENCE): Promise<Exclude<T, false>> {
  const deadline = Date.now() + patience;
  for (;;) {
    let complaint: unknown;
    try {
      const result = await probe();
      if (result !== false) return result as Exclude<T, false>;
      complaint = new Error('still false');
    } catch (error) {
      complaint = error;
    }
    if (Date.now() >= deadline) {
      throw new Error(
        `not within ${patience} ms: ${complaint instanceof Error ? complaint.message : String(complaint)}`,
        {
          cause: complaint,
        },
      );
    }
    await delay(5);
  }
}
