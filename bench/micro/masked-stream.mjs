/**
 * What it costs to take masked rows off the wire: nanoseconds of processor time for each row of 250 bytes that comes in reads of 64 KiB, where a row spans
 * two reads nearly always. `node bench/micro/masked-stream.mjs`. Figures are for comparison on one machine, never a test.
 */
import { bundled } from './bundled.mjs';
import { maskerFor, nanoseconds, ROWS, rows } from './masked-rows.mjs';

const { Backend, Wait } = await bundled('masked-stream', ['protocols/postgres/backend', 'protocols/postgres/flight']);

const READ = 64 * 1024;
const ROUNDS = 7;
const TIMES = 200;

for (const treatment of ['pass', 'partial', 'mask', 'scan']) {
  const masker = maskerFor(treatment, false);
  const guard = { deliver: (_, chunk) => chunk };
  const flight = { kind: () => Wait.Query, verdict: () => guard, masker: () => masker, length: 1 };
  const talk = { flight, context: { guard, sendDown: () => undefined, readOnly: false }, over: false };
  const backend = new Backend(talk, { take: () => false, possible: () => false }, () => undefined);
  const read = Buffer.allocUnsafeSlow(READ);
  const stream = () => {
    for (let at = 0; at < rows.length; at += READ) {
      const size = Math.min(READ, rows.length - at);
      rows.copy(read, 0, at, at + size);
      backend.take(read.subarray(0, size));
    }
  };
  const figures = [];
  for (let round = 0; round < ROUNDS; round++) figures.push(nanoseconds(() => Array.from({ length: TIMES }, stream)) / TIMES / ROWS);
  const middle = figures.sort((one, other) => one - other)[ROUNDS >> 1];
  process.stdout.write(`stream, ${treatment}\t${middle.toFixed(0)} ns/row\n`);
}
