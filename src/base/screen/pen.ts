/** Colours and looks: SGR (ECMA-48 section 8.3.117, with the colours of ISO 8613-6 and the kinds of underline that terminals have) read, and written. Pure. */
import { COLOR, LOOK, type Pen, UNDERLINE, UNDERLINE_SHIFT } from './cells.js';

const SETS: Readonly<Record<number, number>> = {
  1: LOOK.bold,
  2: LOOK.dim,
  3: LOOK.italic,
  5: LOOK.blink,
  6: LOOK.blink,
  7: LOOK.inverse,
  8: LOOK.hidden,
  9: LOOK.struck,
  53: LOOK.overlined,
};
const CLEARS: Readonly<Record<number, number>> = {
  22: LOOK.bold | LOOK.dim,
  23: LOOK.italic,
  24: UNDERLINE,
  25: LOOK.blink,
  27: LOOK.inverse,
  28: LOOK.hidden,
  29: LOOK.struck,
  55: LOOK.overlined,
};

const underline = (pen: Pen, kind: number): void => {
  pen.looks = (pen.looks & ~UNDERLINE) | (Math.min(kind, 5) << UNDERLINE_SHIFT);
};

/** A colour in the form `5;N` or `2;R;G;B`, from `at` on; null: none. `used`: so many numbers of it. */
function extended(numbers: readonly number[], at: number): { readonly color: number | null; readonly used: number } {
  const kind = numbers[at];
  if (kind === 5) {
    const index = numbers[at + 1];
    return { color: index === undefined ? null : COLOR.indexed | (index & 255), used: 2 };
  }
  if (kind !== 2) return { color: null, used: 1 };
  const [red, green, blue] = numbers.slice(at + 1, at + 4);
  const whole = red !== undefined && green !== undefined && blue !== undefined;
  return { color: whole ? COLOR.direct | ((red & 255) << 16) | ((green & 255) << 8) | (blue & 255) : null, used: 4 };
}

function colored(pen: Pen, code: number, color: number | null): void {
  if (color === null || code === 58) return;
  if (code === 38) pen.foreground = color;
  else pen.background = color;
}

/** A parameter with parts of its own, `38:2::255:0:0`. */
function parted(pen: Pen, parts: readonly number[], empty: readonly boolean[]): void {
  const [code = 0] = parts;
  if (code === 4) underline(pen, parts[1] ?? 1);
  else if (code === 38 || code === 48 || code === 58) {
    // ISO 8613-6 has a colour space between the 2 and the red; many leave it out.
    const rest = parts[1] === 2 && parts.length > 5 ? [2, ...parts.slice(3)] : parts.slice(1);
    if (!(parts[1] === 2 && parts.length === 5 && empty[2] === true)) colored(pen, code, extended(rest, 0).color);
  }
}

/** `parameters`: what stands between `ESC [` and `m`. */
export function applySgr(pen: Pen, parameters: string): void {
  const fields = parameters.split(';');
  const numbers = fields.map((field) => Number.parseInt(field, 10) || 0);
  for (let at = 0; at < fields.length; at++) {
    const field = fields[at] ?? '';
    if (field.includes(':')) {
      const parts = field.split(':');
      parted(
        pen,
        parts.map((part) => Number.parseInt(part, 10) || 0),
        parts.map((part) => part === ''),
      );
      continue;
    }
    const code = numbers[at] ?? 0;
    if (code === 38 || code === 48 || code === 58) {
      const { color, used } = extended(numbers, at + 1);
      colored(pen, code, color);
      at += used;
    } else plainCode(pen, code);
  }
}

function plainCode(pen: Pen, code: number): void {
  if (code === 0) Object.assign(pen, { foreground: 0, background: 0, looks: 0 });
  else if (code === 4) underline(pen, 1);
  else if (code === 21) underline(pen, 2);
  else if (code >= 30 && code <= 37) pen.foreground = COLOR.named | (code - 30);
  else if (code >= 90 && code <= 97) pen.foreground = COLOR.named | (code - 90 + 8);
  else if (code >= 40 && code <= 47) pen.background = COLOR.named | (code - 40);
  else if (code >= 100 && code <= 107) pen.background = COLOR.named | (code - 100 + 8);
  else if (code === 39) pen.foreground = 0;
  else if (code === 49) pen.background = 0;
  else pen.looks = (pen.looks | (SETS[code] ?? 0)) & ~(CLEARS[code] ?? 0);
}

function color(value: number, base: 30 | 40): string[] {
  const plain = value & 0xff_ff_ff;
  switch (value & ~0xff_ff_ff) {
    case COLOR.named:
      return [String(plain < 8 ? base + plain : base + 60 + plain - 8)];
    case COLOR.indexed:
      return [`${base + 8};5;${plain}`];
    case COLOR.direct:
      return [`${base + 8};2;${plain >>> 16};${(plain >>> 8) & 255};${plain & 255}`];
    default:
      return [];
  }
}

/** The sequence after which a terminal draws so, whatever it drew like before. */
export function sgrOf({ foreground, background, looks }: Pen): string {
  const codes = ['0'];
  for (const code of [1, 2, 3, 5, 7, 8, 9, 53]) if ((looks & (SETS[code] ?? 0)) !== 0) codes.push(String(code));
  const kind = (looks & UNDERLINE) >>> UNDERLINE_SHIFT;
  if (kind !== 0) codes.push(kind === 1 ? '4' : `4:${kind}`);
  codes.push(...color(foreground, 30), ...color(background, 40));
  return `\u001b[${codes.join(';')}m`;
}
