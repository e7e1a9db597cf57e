/** The search itself: what it finds, and what it knows to be chance. */
import { expect, it } from 'vitest';
import { newId } from '../../src/base/id.js';
import { canariesIn } from './canary.js';

const found = (text: string): string[] => canariesIn(Buffer.from(text));

it('finds four characters of a canary anywhere but in a name that the gateway drew', () => {
  const id = 'ses_01m8d7rh8p5b71ewz3v5f15f0d';
  expect(id).toMatch(/^[a-z]{3}_[0-9a-z]{26}$/);
  expect(found(`{"session":"${id}"}`)).toEqual([]);
  expect(found(`{"session":"${id}","text":"wz3v"}`)).toHaveLength(1);
  expect(found(`${id}wz3v`)).toHaveLength(1);
  expect(found('ses_wz3v')).toHaveLength(1);
});

it('knows the names that the gateway draws', () => {
  expect(newId('ses')).toMatch(/^[a-z]{3}_[0-9a-hjkmnp-tv-z]{26}$/);
});
