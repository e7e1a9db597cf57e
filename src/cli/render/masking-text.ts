/** How a scan for sensitive columns reads. Names come from the target and are made visible. */
import { stringify } from 'yaml';
import { counted } from '../../base/counted.js';
import type { MaskingScan } from '../../contract/masking-policy.js';
import { visible } from '../terminal.js';

/** For people: what was looked at. */
export function renderScan({ target, scope, columns, values, proposals, tagged }: MaskingScan): string {
  const place = scope === null ? visible(target) : `${visible(target)}/${visible(scope)}`;
  const known = tagged.length === 0 ? '' : `; ${counted(tagged.length, 'column')} tagged already`;
  return `Looked at ${counted(values, 'value')} of ${counted(columns, 'column')} of ${place}: ${counted(proposals.length, 'proposal')}${known}.\n`;
}

/** A policy file with the proposals as `data`, the reasons as comments. */
export function scanYaml({ target, proposals }: MaskingScan): string {
  const lines = proposals.map(({ column, class: name, confidence, why }) => {
    const key = stringify({ [column]: { class: name } }, { collectionStyle: 'flow', lineWidth: 0 })
      .trim()
      .replace(/^\{\s*/, '')
      .replace(/\s*\}$/, '');
    return `  # ${confidence.toFixed(2)}: ${visible(why)}\n  ${key}\n`;
  });
  return `# Proposed by gw masking scan ${visible(target)}. Look at each before you use it.\nversion: 1\ndata:\n${lines.join('')}`;
}
