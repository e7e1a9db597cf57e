/**
 * What values and names of columns say about what they hold. A proposal has a confidence and says why; people decide. Names alone propose only
 * where they are clear; values propose where most of those that were looked at hold a class.
 */
import { DETECTED_CLASSES, type DetectedClass } from '../contract/masking.js';
import type { LooksLike, SampledColumn, TagProposal } from '../contract/masking-policy.js';
import { Findings } from './detectors/findings.js';
import { createScanner } from './detectors/scanner.js';

/** Words of column names, by class; `sure` says how much the name alone is worth. */
const NAMES: readonly { readonly class: string; readonly words: RegExp; readonly sure: number }[] = [
  { class: 'ssn', words: /(^|_)(ssn|social_?security(_?(no|num|number))?|sozialversicherung)(_|$)/, sure: 0.9 },
  { class: 'itin', words: /(^|_)itin(_|$)/, sure: 0.9 },
  { class: 'ein', words: /(^|_)(ein|employer_id)(_|$)/, sure: 0.6 },
  { class: 'pan', words: /(^|_)(pan|card_?(no|num|number)|credit_?card|cc_?num(ber)?)(_|$)/, sure: 0.85 },
  { class: 'cvv', words: /(^|_)(cvv2?|cvc2?|card_?code|security_?code)(_|$)/, sure: 0.9 },
  { class: 'iban', words: /(^|_)iban(_|$)/, sure: 0.95 },
  { class: 'aba', words: /(^|_)(aba|routing(_?(no|num|number))?)(_|$)/, sure: 0.7 },
  { class: 'account', words: /(^|_)(account_?(no|num|number)|acct(_?(no|num|number))?|dda)(_|$)/, sure: 0.8 },
  { class: 'email', words: /(^|_)e_?mail(_?addr(ess)?)?(_|$)/, sure: 0.9 },
  { class: 'phone', words: /(^|_)(phone|mobile|telephone|fax)(_?(no|num|number))?(_|$)/, sure: 0.8 },
  { class: 'dob', words: /(^|_)(dob|birth_?(date|day)|date_?of_?birth)(_|$)/, sure: 0.9 },
  { class: 'name', words: /(^|_)(full|first|last|given|family|middle|maiden)_?name(_|$)|(^|_)surname(_|$)/, sure: 0.7 },
  { class: 'address', words: /(^|_)(street|postal_?address|home_?address|address_?(line)?_?[12]?)(_|$)/, sure: 0.6 },
  { class: 'zip', words: /(^|_)(zip(_?code)?|post_?code|postal_?code)(_|$)/, sure: 0.6 },
  { class: 'licence', words: /(^|_)(licen[cs]e|passport)(_?(no|num|number))?(_|$)/, sure: 0.7 },
  { class: 'secret', words: /(^|_)(password|passwd|secret|api_?key|access_?token|private_?key)(_|$)/, sure: 0.8 },
];

/** A share of values from which on they say what a column holds. */
const MOST = 0.6;
/** A share from which on a text column is one that people write such things into. */
const SOME = 0.02;
/** Fewer values than this say little. */
const FEW = 5;
const SHOWN = 0.3;

/** `customerSSN` and `customer-ssn` as `customer_ssn`. */
function words(column: string): string {
  return column
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1_$2')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_');
}

/** What a value of a column looks like to the detectors; the column's name is the context that bare numbers need. */
export function createLooksLike(): LooksLike {
  const scanner = createScanner(DETECTED_CLASSES);
  const findings = new Findings();
  return (column, value) => {
    const context = Buffer.from(`${words(column).replaceAll('_', ' ')}: `);
    const text = Buffer.concat([context, Buffer.from(value)]);
    if (scanner.scan(text, context.length, text.length, findings, 0) === 0) return [];
    const found = new Map<DetectedClass, boolean>();
    for (let index = 0; index < findings.count; index++) {
      const around = value.trim().length - (findings.end(index) - findings.start(index));
      found.set(findings.classOf(index), (found.get(findings.classOf(index)) ?? false) || around <= 0);
    }
    return [...found].map(([name, whole]) => ({ class: name, whole }));
  };
}

/** At most one proposal for each column, the most likely first. */
export function proposeTags(columns: readonly SampledColumn[]): readonly TagProposal[] {
  return columns
    .flatMap((column) => {
      const proposal = proposeTag(column);
      return proposal === null ? [] : [proposal];
    })
    .sort((one, other) => other.confidence - one.confidence || (one.column < other.column ? -1 : 1));
}

function proposeTag({ relation, column, type, values, holding, found }: SampledColumn): TagProposal | null {
  const named = NAMES.find(({ words: pattern }) => pattern.test(words(column))) ?? null;
  const place = { column: [...relation, column].map(quoted).join('.'), type };
  const likely = [...found].sort((one, other) => other.whole - one.whole)[0] ?? null;
  const share = likely === null || values === 0 ? 0 : likely.whole / values;
  if (likely !== null && share >= MOST) {
    const agrees = named?.class === likely.class;
    const sure = Math.min(0.99, share * (values < FEW ? 0.6 : 0.9) + (agrees ? 0.15 : 0));
    return {
      ...place,
      class: likely.class,
      confidence: round(sure),
      why: `${likely.whole} of ${values} values look like it${agrees ? ', and so does its name' : ''}`,
    };
  }
  if (named !== null) {
    const against = values >= FEW && (DETECTED_CLASSES as readonly string[]).includes(named.class);
    const confidence = round(against ? named.sure * 0.5 : named.sure);
    return confidence < SHOWN
      ? null
      : {
          ...place,
          class: named.class,
          confidence,
          why: `its name says so${against ? `; of ${values} values few look like it` : values === 0 ? '; it holds no values' : ''}`,
        };
  }
  if (values >= FEW && holding / values >= SOME)
    return {
      ...place,
      class: 'free_text',
      confidence: round(Math.min(0.9, 0.4 + holding / values)),
      why: `${holding} of ${values} values hold ${found.map((each) => each.class).join(', ')} within other text`,
    };
  return null;
}

const round = (value: number): number => Math.round(value * 100) / 100;
const quoted = (name: string): string => (/^[a-z_][a-z0-9_$]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`);
