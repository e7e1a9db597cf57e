/**
 * How far a sink is in each log, on disk: written after each batch, so that a process that dies gives again what it could not remember. Also says
 * what is wrong with the sink at the moment, for other processes to read. Beside the log, in `sinks/NAME.json`. `sinks/NAME.begun` says that there was one.
 */
import { z } from 'zod';
import { syncDirectories, writeWhole } from '../../base/durable-file.js';
import { readIfThere } from '../../base/read-if-there.js';

/** So many attempts in a row that were not taken make a sink one that fails; fewer are an accident. */
export const FAILING_ATTEMPTS = 3;

const SUFFIX = '.json';
/** Beside the place, and not taken away with it: a sink that has lost its place is not a new one. */
const BEGUN_SUFFIX = '.begun';

const placeFile = z.object({
  v: z.literal(1),
  /** Number of the log → index of the first entry that was not delivered. */
  next: z.record(z.string().regex(/^\d{1,3}$/), z.number().int().min(0)),
  failing: z.object({ since: z.string(), attempts: z.number(), message: z.string() }).nullable(),
});

export type SinkPlace = z.output<typeof placeFile>;
export type SinkFailure = NonNullable<SinkPlace['failing']>;

/** Null: the sink was never seen, or its file was removed or is not one of ours. */
export async function readPlace(directory: string, name: string): Promise<SinkPlace | null> {
  const text = await readIfThere(`${directory}/${name}${SUFFIX}`);
  if (text === null) return null;
  try {
    return placeFile.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}

/** False: the sink is a new one, and begins where its settings say. One that was begun and has no place begins with everything that is kept. */
export async function wasBegun(directory: string, name: string): Promise<boolean> {
  for (const suffix of [BEGUN_SUFFIX, SUFFIX]) if ((await readIfThere(`${directory}/${name}${suffix}`)) !== null) return true;
  return false;
}

export async function markBegun(directory: string, name: string): Promise<void> {
  if ((await readIfThere(`${directory}/${name}${BEGUN_SUFFIX}`)) !== null) return;
  await writeWhole(directory, `${name}${BEGUN_SUFFIX}`, '');
  await syncDirectories(directory, []);
}

export async function writePlace(directory: string, name: string, place: SinkPlace): Promise<void> {
  await writeWhole(directory, `${name}${SUFFIX}`, `${JSON.stringify(place)}\n`);
  await syncDirectories(directory, []);
}
