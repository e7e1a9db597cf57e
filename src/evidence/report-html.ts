/**
 * The pack as one HTML file that people read and print: no scripts, nothing from elsewhere. All text is escaped, recorded text above all: it is
 * untrusted. Pure.
 */
import type { Crossing } from './crosswalk.js';
import { type DeletedRecords, deletedText } from './deleted-records.js';
import { FRAMEWORKS, instant, type PackScope } from './pack-scope.js';
import type { Drawn } from './sampling.js';
import { begunText, checksText, stateText } from './scope-text.js';
import type { Section } from './sections/section.js';
import type { LogFacts } from './sections/section-maker.js';

const STYLE = `
:root { --ink: #1b2430; --soft: #5b6675; --line: #d9dee5; --paper: #fff; --band: #f5f7f9; --good: #1a6b3c; --bad: #a4262c; --none: #7a5b00 }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 2.5rem 1.5rem 4rem; max-width: 62rem; font: 15px/1.5 Charter, "Bitstream Charter", Georgia, serif; color: var(--ink); background: var(--paper) }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .3rem }
h2 { font-size: 1.25rem; margin: 2.6rem 0 .6rem; padding-top: .8rem; border-top: 2px solid var(--ink); break-after: avoid }
h3 { font-size: 1.05rem; margin: 1.8rem 0 .4rem; break-after: avoid }
p { margin: .4rem 0 }
.lead { color: var(--soft); margin-bottom: 1.4rem }
.note { background: var(--band); border-left: 4px solid var(--line); padding: .6rem .9rem; margin: 1rem 0 }
.figures { display: flex; flex-wrap: wrap; gap: .8rem; margin: 1.4rem 0 }
.figure { flex: 1 1 8rem; border: 1px solid var(--line); border-radius: 4px; padding: .6rem .8rem }
.figure b { display: block; font-size: 1.5rem; font-variant-numeric: tabular-nums }
.figure span { color: var(--soft); font-size: .85rem }
table { width: 100%; border-collapse: collapse; font-size: .86rem; margin: .5rem 0 1rem }
th { text-align: left; font-weight: 600; color: var(--soft); border-bottom: 1px solid var(--ink); padding: .25rem .5rem .25rem 0 }
td { vertical-align: top; border-bottom: 1px solid var(--line); padding: .3rem .5rem .3rem 0; overflow-wrap: anywhere }
td.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
tr { break-inside: avoid }
thead { display: table-header-group }
code { font: .82em/1.4 ui-monospace, "DejaVu Sans Mono", Menlo, monospace; overflow-wrap: anywhere }
.tag { font: 600 .78rem/1.6 ui-sans-serif, "Helvetica Neue", Arial, sans-serif; white-space: nowrap }
.good { color: var(--good) } .bad { color: var(--bad) } .none { color: var(--none) }
@page { size: A4; margin: 18mm 16mm }
@media print { body { padding: 0; font-size: 10.5pt; max-width: none } h2 { break-before: auto } a { color: inherit; text-decoration: none } }
`;

export function reportHtml(
  scope: PackScope,
  logs: readonly LogFacts[],
  sections: readonly Section[],
  crossings: readonly Crossing[],
  drawn: readonly Drawn[],
  deleted: DeletedRecords,
  hidden: string | null,
): string {
  const notes = [begunText(scope, logs), deletedText(deleted), hidden === null ? null : `Not in it: ${hidden}.`];
  const own = crossings.filter(({ control }) => control.framework === scope.framework);
  const failed = sections.flatMap(({ checks }) => checks).filter(({ passed }) => passed === false);
  const ran = sections.flatMap(({ checks }) => checks).filter(({ passed }) => passed !== null);
  const rowsOf = (id: string): number => sections.find((section) => section.id === id)?.files[0]?.rows ?? 0;
  const figures: readonly (readonly [string, string | number])[] = [
    ['sessions', rowsOf('E09')],
    ['operations', rowsOf('E04')],
    ['operations refused', rowsOf('E06')],
    ['approvals', rowsOf('E05')],
    ['checks that hold', `${ran.length - failed.length} of ${ran.length}`],
  ];
  const body = [
    `<h1>Access evidence</h1>`,
    `<p class="lead">Gateway ${escaped(scope.gateway)} · ${instant(scope.from).slice(0, 16)} to ${instant(scope.to).slice(0, 16)} UTC · ${escaped(
      scope.session === null ? 'all sessions' : `session ${scope.session}`,
    )} · ${escaped(FRAMEWORKS[scope.framework])}</p>`,
    failed.length === 0
      ? `<p class="note">Every check that applies holds. This report says which evidence there is for each objective; whether a control is met is for the reader to judge.</p>`
      : `<p class="note"><b class="bad">${failed.length} ${failed.length === 1 ? 'check fails' : 'checks fail'}:</b> ${failed
          .map(({ id, claim }) => `${escaped(id)} (${escaped(claim)})`)
          .join('; ')}.</p>`,
    ...notes.flatMap((text) => (text === null ? [] : [`<p class="note">${escaped(text)}</p>`])),
    `<div class="figures">${figures.map(([name, value]) => `<div class="figure"><b>${typeof value === 'number' ? thousands(value) : escaped(value)}</b><span>${name}</span></div>`).join('')}</div>`,
    '<h2>Objectives</h2>',
    table(
      ['objective', 'asks for', 'evidence in', 'rows', ''],
      own.map(({ control, sections: wanted, satisfied, reasons }) => [
        escaped(control.control),
        `${escaped(control.ask)}<br><i>${escaped(control.question)}</i>${reasons.length === 0 ? '' : `<br><span class="bad">${escaped(reasons.join('; '))}</span>`}`,
        wanted.map(({ id }) => `<a href="#${id}">${id}</a>`).join(' '),
        number(wanted.reduce((sum, { rows }) => sum + rows, 0)),
        satisfied ? '<span class="tag good">supported</span>' : '<span class="tag bad">not supported</span>',
      ]),
    ),
    '<h2>Sections</h2>',
    table(
      ['section', 'rows', 'evidence', 'checks'],
      sections.map((section) => [
        `<a href="#${section.id}">${section.id}</a> ${escaped(section.title)}`,
        number(section.rows),
        stateTag(section),
        checksText(section),
      ]),
    ),
    ...sections.map(sectionHtml),
    '<h2>Sessions for a closer look</h2>',
    drawn.length === 0
      ? '<p>No session in the period.</p>'
      : table(
          ['session', 'record and replay'],
          drawn.map(({ item, link }) => [
            `<code>${escaped(item)}</code>`,
            `${deleted.sessions.has(item) ? 'deleted by retention' : `<a href="${escaped(link)}/record.ndjson">record</a> · <a href="${escaped(link)}/replay.cast">replay</a>`} · <a href="${escaped(link)}/approval.json">approvals</a>`,
          ]),
        ),
    '<h2>Logs</h2>',
    table(
      ['log', 'entries', 'root of the tree', 'heartbeats'],
      logs.map(({ origin, size, root, heartbeats }) => [escaped(origin), number(size), `<code>${root}</code>`, number(heartbeats)]),
    ),
    '<p>Check this pack with <code>gw evidence verify . --key audit.pub</code>, or with <code>sh verify.sh --key audit.pub</code>, which needs sha256sum, openssl and python3 only. Take the key from where the gateway cannot write.</p>',
  ];
  const title = `Access evidence of ${escaped(scope.gateway)}`;
  return `<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta http-equiv="content-security-policy" content="default-src 'none'; style-src 'unsafe-inline'">\n<title>${title}</title>\n<style>${STYLE}</style>\n</head>\n<body>\n${body.join('\n')}\n</body>\n</html>\n`;
}

function sectionHtml(section: Section): string {
  const { id, title, absence, files, checks, gaps } = section;
  return [
    `<h3 id="${id}">${id} · ${escaped(title)}</h3>`,
    absence === null ? '' : `<p class="note"><b class="none">Not recorded by gw.</b> ${escaped(absence)}</p>`,
    files.length === 0
      ? ''
      : table(
          ['table', 'rows', 'made of'],
          files.map(({ path, rows, query }) => [`<a href="${escaped(path)}">${escaped(path)}</a>`, number(rows), escaped(query)]),
        ),
    checks.length === 0
      ? ''
      : table(
          ['check', '', 'result'],
          checks.map(({ claim, passed, detail }) => [
            escaped(claim),
            passed === null ? '<span class="tag none">–</span>' : passed ? '<span class="tag good">holds</span>' : '<span class="tag bad">FAILS</span>',
            escaped(detail),
          ]),
        ),
    gaps.length === 0 ? '' : `<p class="lead">Not recorded: ${escaped(gaps.join('; '))}.</p>`,
  ].join('\n');
}

function stateTag(section: Section): string {
  const tone = section.state === 'supported' ? 'good' : section.state === 'failed' ? 'bad' : 'none';
  return `<span class="tag ${tone}">${stateText(section)}</span>`;
}

const NUMBER = '<!--n-->';
const thousands = (value: number): string => String(value).replace(/\B(?=(\d{3})+$)/g, ' ');
const number = (value: number): string => `${NUMBER}${thousands(value)}`;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = (row: readonly string[]): string =>
    row.map((each) => (each.startsWith(NUMBER) ? `<td class="n">${each.slice(NUMBER.length)}</td>` : `<td>${each}</td>`)).join('');
  return `<table><thead><tr>${head.map((each) => `<th>${each}</th>`).join('')}</tr></thead><tbody>${rows.map((row) => `<tr>${cells(row)}</tr>`).join('')}</tbody></table>`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
