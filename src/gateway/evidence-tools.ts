/** What packs are made with besides logs and journals: how a protocol shows its results, what must never be stored in clear, and the script that verifies. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PACKAGE_ROOT } from '../base/package-root.js';
import type { PackTools } from '../evidence/index.js';
import { createScanner, Findings } from '../masking/index.js';
import { protocolsByKind } from './gateway-protocols.js';

/** Full card numbers, social security numbers, account numbers and tracks of cards. */
const NEVER_STORED = ['pan', 'ssn', 'iban', 'track'] as const;

export function createPackTools(progress: PackTools['progress']): PackTools {
  const scanner = createScanner(NEVER_STORED);
  const secretScanner = createScanner(['secret']);
  const findings = new Findings();
  const shown: PackTools['shown'] = (protocol, delivered, parameters) => {
    const lines = protocolsByKind.get(protocol)?.replay?.result(delivered, parameters) ?? [];
    return Buffer.from(lines.join('\n'), 'utf8');
  };
  return {
    replayOf: (protocol) => protocolsByKind.get(protocol)?.replay ?? null,
    verifyScript: readFileSync(join(PACKAGE_ROOT, 'evidence', 'verify.sh'), 'utf8'),
    progress,
    shown,
    secrets: (text) => {
      secretScanner.scan(text, 0, text.length, findings);
      return findings.count;
    },
    scan: (protocol, delivered, parameters) => {
      const text = shown(protocol, delivered, parameters);
      const found = new Map<string, number>();
      scanner.scan(text, 0, text.length, findings);
      for (let at = 0; at < findings.count; at++) {
        const name = findings.classOf(at);
        found.set(name, (found.get(name) ?? 0) + 1);
      }
      return found;
    },
  };
}
