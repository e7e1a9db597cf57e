/** Interleaved rounds, medians, ratios, and the JSON that is committed. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { ROOT } from './gateway.js';

export interface Contestant {
  readonly name: string;
  run(): Promise<number>;
}

export interface Row {
  readonly case: string;
  readonly unit: string;
  /** Medians by contestant. */
  readonly medians: Readonly<Record<string, number>>;
  readonly runs: Readonly<Record<string, readonly number[]>>;
  /** gw's median over each other contestant's. */
  readonly ratios: Readonly<Record<string, number>>;
}

export const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

const round = (value: number): number => Number(value.toPrecision(4));

/** A B C, A B C, …: so that a machine whose speed drifts drifts for all. */
export async function interleave(name: string, unit: string, contestants: readonly Contestant[], rounds: number, subject = 'gw'): Promise<Row> {
  const runs: Record<string, number[]> = {};
  for (let i = 0; i < rounds; i++) {
    for (const contestant of contestants) {
      const value = await contestant.run();
      const list = runs[contestant.name] ?? [];
      list.push(round(value));
      runs[contestant.name] = list;
    }
  }
  const medians = Object.fromEntries(Object.entries(runs).map(([key, values]) => [key, median(values)]));
  const own = medians[subject];
  const ratios =
    own === undefined
      ? {}
      : Object.fromEntries(
          Object.entries(medians)
            .filter(([key]) => key !== subject)
            .map(([key, value]) => [key, round(own / value)]),
        );
  const row = { case: name, unit, medians, runs, ratios };
  process.stdout.write(
    `${name.padEnd(34)} ${Object.entries(medians)
      .map(([key, value]) => `${key} ${value}`)
      .join('  ')} ${unit}   gw/… ${JSON.stringify(ratios)}\n`,
  );
  return row;
}

export async function save(section: string, rows: readonly Row[]): Promise<void> {
  const dir = join(ROOT, 'bench/results');
  await mkdir(dir, { recursive: true });
  const model = cpus()[0]?.model ?? 'unknown';
  const machine = {
    cpu: model,
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    kernel: (await readFile('/proc/version', 'utf8')).split(' ').slice(0, 3).join(' '),
  };
  await writeFile(join(dir, `${section}.json`), `${JSON.stringify({ section, date: new Date().toISOString().slice(0, 10), machine, rows }, null, 2)}\n`);
}
