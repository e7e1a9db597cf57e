/** `00-scope.md`: what the pack is about and how to check it, in words; the first file that somebody opens who has only a directory. Pure. */
import { type DeletedRecords, deletedText } from './deleted-records.js';
import { FRAMEWORKS, instant, type PackScope } from './pack-scope.js';
import type { Section } from './sections/section.js';
import type { LogFacts } from './sections/section-maker.js';

/** @param hidden see `hiddenText` */
export function scopeText(scope: PackScope, logs: readonly LogFacts[], sections: readonly Section[], deleted: DeletedRecords, hidden: string | null): string {
  const gone = deletedText(deleted);
  const begun = begunText(scope, logs);
  const lines = [
    `# Access evidence of the gateway ${scope.gateway}`,
    '',
    `- Period: ${instant(scope.from)} to ${instant(scope.to)} (the end is not in it); all times are UTC, by the clock of the gateway`,
    ...(begun === null ? [] : [`- ${begun}`]),
    `- Sessions: ${scope.session === null ? 'all of the period' : `${scope.session} only`}`,
    `- Framework: ${FRAMEWORKS[scope.framework]}. The pack holds evidence for its objectives; it does not say that anybody complies.`,
    `- Sample: ${scope.sample} of each population, word of the examiner: ${scope.nonce === '' ? 'none' : `\`${scope.nonce.replaceAll('`', "'")}\``}`,
    ...[gone, hidden].flatMap((text) => (text === null ? [] : [`- Not in it: ${text}`])),
    `- Made by gw ${scope.version}`,
    '',
    '## Logs',
    '',
    '| log | entries | root | heartbeats in the period |',
    '|---|---|---|---|',
    ...logs.map(({ origin, size, root, heartbeats }) => `| ${origin} | ${size} | \`${root}\` | ${heartbeats} |`),
    '',
    '## Sections',
    '',
    '| section | rows | evidence | checks |',
    '|---|---|---|---|',
    ...sections.map((section) => `| ${section.id} ${section.title} | ${section.rows} | ${stateText(section)} | ${checksText(section)} |`),
    '',
    ...sections.filter(({ absence }) => absence !== null).map(({ id, absence }) => `${id}: ${absence ?? ''}\n`),
    '## Check it',
    '',
    'With the public key that the gateway printed with `gw audit key`, and kept where the gateway cannot write:',
    '',
    '```sh',
    'gw evidence verify . --key audit.pub',
    'sh verify.sh --key audit.pub',
    '```',
    '',
    'The first derives every table anew out of `log/` and `journal/` and compares. The second needs sha256sum, openssl and python3 only. Both take',
    '`--checkpoint FILE` with a checkpoint of a log that somebody kept: a log that was written anew does not continue it.',
    '',
    'Every table has its query, its columns and its count in `section.json` beside it. A cell that begins with `=`, `+`, `-` or `@` has an apostrophe in',
    'front, so that no spreadsheet takes it for a formula.',
    '',
  ];
  return lines.join('\n');
}

/** Where each log begins that was not there when the period began; null: all were. What is before a log's first entry here is older than the period. */
export function begunText({ from }: PackScope, logs: readonly LogFacts[]): string | null {
  const later = logs.filter(({ first, firstTime }) => first === 0 && Date.parse(firstTime) > from);
  if (later.length === 0) return null;
  const begins = later.map(({ origin, firstTime }) => `${origin} ${firstTime}`).join(', ');
  return `Begin of the record: ${begins}. It is later than that of the period; of the time before, such a log tells nothing.`;
}

export function stateText({ state }: Section): string {
  return state === 'supported' ? 'there' : state === 'failed' ? 'A CHECK FAILS' : 'not recorded by gw';
}

export function checksText({ checks }: Section): string {
  const ran = checks.filter(({ passed }) => passed !== null);
  return ran.length === 0 ? 'none applies' : `${ran.filter(({ passed }) => passed).length} of ${ran.length} hold`;
}
