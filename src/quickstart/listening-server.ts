/** A server of web-1 that is being started: it says on stderr that it listens, or why not. */
import type { SupervisedProcess } from '../store/supervised-process.js';

const START_MS = 10_000;

/** Null: it listens. Else what it said of the failure, one line. */
export function firstWords(server: SupervisedProcess): Promise<string | null> {
  let said = '';
  const why = (): string => {
    const lines = said.trim().split('\n');
    // A program of ours ends with a trace of calls, in which one line names the error.
    return lines.find((line) => /^\w*Error\b/.test(line)) ?? lines.at(-1) ?? '';
  };
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(why() || 'it says nothing'), START_MS);
    const answer = (words: string | null): void => {
      clearTimeout(timer);
      resolve(words);
    };
    server.stderr.on('data', (chunk: Buffer) => {
      // What it says of sessions later is in the records of the gateway.
      if (said.length < 4_096) said += chunk.toString();
      if (said.includes('Server listening')) answer(null);
    });
    void server.exited.then(({ error }) => answer(error?.message ?? why()));
  });
}
