/**
 * What looking for sensitive values costs: megabytes for each second of processor time over clean text, typical rows and hostile input, and microseconds for each
 * transform. `node bench/micro/masking.mjs`. Figures are for comparison on one machine, never a test.
 */
import { bundled } from './bundled.mjs';

const { Secret, DETECTED_CLASSES, createScanner, createTokenKeys, createTransform, Findings, maskFindings } = await bundled('masking', [
  'base/secret',
  'contract/masking',
  'masking/index',
]);

const MEGABYTES = 8;
const ROUNDS = 9;

const prose = 'The quick brown fox jumps over the lazy dog while every clerk in the branch reviews the statement and files it under correspondence. ';
const rows = Array.from(
  { length: 1000 },
  (_, i) =>
    `${100_000 + i * 7}\tAda Lovelace\tactive\t2024-03-${String(1 + (i % 28)).padStart(2, '0')} 09:12:44.41\t${(i * 13.37).toFixed(2)}\tLondon branch, counter service\n`,
).join('');
const sensitive = Array.from(
  { length: 1000 },
  (_, i) => `${100_000 + i}\tAda Lovelace\t536-90-${String(1000 + i)}\tada${i}@example.com\t4111 1111 1111 1111\tcounter service, statement by post\n`,
).join('');

function megabytes(text) {
  return Buffer.alloc(MEGABYTES * 1_000_000, text);
}

/** Processor time since `started`: others may use the machine. */
function seconds(started) {
  const { user, system } = process.cpuUsage(started);
  return (user + system) / 1e6;
}

function median(values) {
  return values.sort((a, b) => a - b)[values.length >> 1];
}

const scanner = createScanner(DETECTED_CLASSES);
const findings = new Findings();
for (const [label, text, mask] of [
  ['clean prose', prose],
  ['typical rows', rows],
  ['rows with three values each', sensitive],
  ['the same, masked', sensitive, true],
  ['hostile: digits', '1'],
  ['hostile: card groups', '4111 '],
  ['hostile: nine digits with a word', 'ssn 536904399 '],
  ['hostile: @', '@'],
  ['hostile: a@', 'a@'],
  ['hostile: JSON escapes', '\\u0035'],
]) {
  const bytes = megabytes(text);
  const speeds = [];
  for (let round = 0; round < ROUNDS; round++) {
    const started = process.cpuUsage();
    scanner.scan(bytes, 0, bytes.length, findings);
    if (mask) maskFindings(bytes, findings, {});
    speeds.push(bytes.length / seconds(started) / 1e6);
  }
  process.stdout.write(`${label}\t${median(speeds).toFixed(0)} MB/s\n`);
}

const key = createTokenKeys([{ id: 1, secret: new Secret(new Uint8Array(32).fill(7)) }]);
const clock = { now: () => Date.now(), monotonic: () => performance.now() };
for (const [treatment, dataClass, kind, value] of [
  ['mask', 'ssn', 'text', '536-90-4399'],
  ['partial', 'ssn', 'text', '536-90-4399'],
  ['partial', 'pan', 'text', '4111111111111111'],
  ['partial', 'email', 'text', 'ada.lovelace@example.com'],
  ['token', 'ssn', 'text', '536-90-4399'],
  ['token', 'account', 'integer', '123456789012'],
  ['generalise', 'dob', 'date', '1985-07-23'],
]) {
  const transform = createTransform({ treatment, class: dataClass, kind, key, clock });
  const bytes = Buffer.from(value);
  const times = [];
  for (let round = 0; round < ROUNDS; round++) {
    const started = process.cpuUsage();
    for (let i = 0; i < 20_000; i++) transform(bytes);
    times.push((seconds(started) / 20_000) * 1e6);
  }
  process.stdout.write(`${treatment} ${dataClass}\t${median(times).toFixed(2)} µs\n`);
}
