/**
 * Draws docs/images/terminal.svg from docs/images/terminal.ansi, a terminal's own capture of a session against the quickstart
 * (`tmux capture-pane -p -e`). Knows the few attributes that gw and psql print.
 */
import { readFile, writeFile } from 'node:fs/promises';

const CELL = { width: 8.4, height: 18 };
const PAD = 16;
const TITLE = 34;
const COLOURS: Readonly<Record<number, string>> = { 31: '#ff7b72', 32: '#7ee787', 33: '#e3b341', 34: '#79c0ff', 35: '#d2a8ff', 36: '#56d4dd' };

interface Run {
  readonly text: string;
  readonly style: string;
}

function runs(line: string): Run[] {
  const out: Run[] = [];
  let bold = false;
  let dim = false;
  let colour: string | null = null;
  for (const [, codes, text] of `\u001b[m${line}`.matchAll(/\u001b\[([\d;]*)m([^\u001b]*)/g)) {
    for (const code of (codes ?? '').split(';').map(Number)) {
      if (code === 0) {
        bold = dim = false;
        colour = null;
      } else if (code === 1) bold = true;
      else if (code === 2) dim = true;
      else if (code === 39) colour = null;
      else colour = COLOURS[code] ?? colour;
    }
    const style = `${bold ? ' font-weight="700"' : ''}${colour === null ? (dim ? ' fill="#8b949e"' : '') : ` fill="${colour}"`}`;
    if (text !== undefined && text !== '') out.push({ text, style });
  }
  return out;
}

const escapeXml = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

const lines = (await readFile('docs/images/terminal.ansi', 'utf8')).trimEnd().split('\n');
const columns = Math.max(...lines.map((line) => runs(line).reduce((sum, { text }) => sum + text.length, 0)));
const width = Math.ceil(columns * CELL.width + 2 * PAD);
const height = TITLE + lines.length * CELL.height + PAD;
const body = lines
  .map((line, row) => {
    const spans = runs(line)
      .map(({ text, style }) => (style === '' ? escapeXml(text) : `<tspan${style}>${escapeXml(text)}</tspan>`))
      .join('');
    return `<text x="${PAD}" y="${TITLE + (row + 1) * CELL.height - 4}" xml:space="preserve">${spans}</text>`;
  })
  .join('\n');
const dots = ['#ff5f57', '#febc2e', '#28c840'].map((fill, index) => `<circle cx="${PAD + 6 + index * 20}" cy="17" r="6" fill="${fill}"/>`).join('');
await writeFile(
  'docs/images/terminal.svg',
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="A psql session through gw">
<rect width="100%" height="100%" rx="10" fill="#0d1117"/>${dots}
<g font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,monospace" font-size="14" fill="#e6edf3">
${body}
</g>
</svg>
`,
);
