/** What it costs to keep a request's body until the call is committed: copied once, nearly always in one piece. */
import { ReplayBuffer } from '../../src/dataplane/forwarding/replay_buffer.ts';
import { keep, measure } from './measure.ts';

const chunk = Buffer.alloc(65_536, 'm');

for (const size of [64, 1_024, 16_384]) {
  measure(`keep a body of ${size} octets, and let go of it`, (times) => {
    let sum = 0;
    for (let i = 0; i < times; i++) {
      const replay = new ReplayBuffer();
      replay.add(chunk, i & 1023, (i & 1023) + size);
      sum += replay.octets;
      replay.release();
    }
    keep(sum);
  });
}

measure('keep a body of four pieces of 4 KiB, and let go of it', (times) => {
  let sum = 0;
  for (let i = 0; i < times; i++) {
    const replay = new ReplayBuffer();
    for (let piece = 0; piece < 4; piece++) replay.add(chunk, piece * 4_096, (piece + 1) * 4_096);
    sum += replay.octets;
    replay.release();
  }
  keep(sum);
});
