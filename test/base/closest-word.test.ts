/** Which word was meant. */
import { expect, it } from 'vitest';
import { closestWord } from '../../src/base/closest-word.js';

it('suggests what was probably meant, and nothing far away', () => {
  const known = ['listen', 'maxSessions', 'idleTimeout', 'dataDir'];
  expect(['lisen', 'Listen', 'max-sessions', 'max_session', 'idelTimeout', 'datadir'].map((word) => closestWord(word, known))).toEqual([
    'listen',
    'listen',
    'maxSessions',
    'maxSessions',
    'idleTimeout',
    'dataDir',
  ]);
  expect(['zebra', 'x', 'l'.repeat(100)].map((word) => closestWord(word, known))).toEqual([null, null, null]);
});

it('looks further for a command, which is typed in a hurry', () => {
  const commands = ['connect', 'config check', 'ls'];
  expect(['conect', 'sl', 'lss', 'cnofig chekc', 'xyzzyxyzzy'].map((word) => closestWord(word, commands, 2))).toEqual([
    'connect',
    'ls',
    'ls',
    'config check',
    null,
  ]);
  expect(closestWord('sl', commands)).toBeNull();
  expect(closestWord('LS', commands)).toBe('ls');
});
