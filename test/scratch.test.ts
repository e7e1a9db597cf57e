import { readFileSync } from 'node:fs';
import { it } from 'vitest';
import { prepareParser } from '../src/protocols/postgres/facts/index.js';
import { fields, query, rowsOf } from './support/raw-client.js';
import { startCanaryWorld } from './masking/canary-world.js';
it('x', async () => {
  await prepareParser();
  const canary = await startCanaryWorld();
  canary.world.identities.set('bot', { kind: 'agent', groups: ['engineers'] });
  let out = '';
  for (const line of readFileSync('/tmp/lines.txt', 'utf8').trim().split('\n')) {
    const [person, ...rest] = line.split(' | ');
    const { client } = await canary.login(person);
    for (const text of rest.join(' | ').split(' ;; ')) {
      const replies = await client.run(query(text));
      out += `${person}: ${text.slice(0, 200)}\n`;
      for (const r of replies) if (r.type === 'E' || r.type === 'N') out += `   ${r.type} ${JSON.stringify(fields(r))}\n`; else if (r.type === 'C') out += `   ${r.body.toString()}\n`;
      for (const row of rowsOf(replies)) out += `   ${JSON.stringify(row)}\n`;
    }
    client.close();
  }
  (await import('node:fs')).writeFileSync('/tmp/out.txt', out);
  await canary[Symbol.asyncDispose]();
}, 60000);
