/** The text of a policy in force is kept, also when the database comes back only later. */
import { expect, it } from 'vitest';
import { silentLogger } from '../../src/base/logger.js';
import { GwError } from '../../src/contract/gw-error.js';
import { KeptPolicies } from '../../src/gateway/kept-policies.js';
import { loadPolicy } from '../../src/policy/index.js';
import { protocols } from '../policy/fixture-protocols.js';

const policy = loadPolicy([{ path: 'p.yaml', text: 'version: 1\n' }], protocols);

function failing(times: number): { readonly kept: string[]; readonly store: ConstructorParameters<typeof KeptPolicies>[0]; done: Promise<void> } {
  let left = times;
  const kept: string[] = [];
  let resolve = (): void => undefined;
  const done = new Promise<void>((settle) => {
    resolve = settle;
  });
  const keep = ({ digest }: { readonly digest: string }): Promise<void> => {
    if (left-- > 0) return Promise.reject(new GwError('store.unavailable', 'gone'));
    kept.push(digest);
    resolve();
    return Promise.resolve();
  };
  return { kept, done, store: { keep, find: () => Promise.resolve(null) } };
}

it('at start nothing goes on without it', async () => {
  const { store, kept } = failing(1);
  const policies = new KeptPolicies(store, silentLogger);
  await expect(policies.keep(policy)).rejects.toMatchObject({ code: 'store.unavailable' });
  await policies.keep(policy);
  expect(kept).toEqual([policy.digest]);
});

it('on a reload it is tried until it is done, and given up when the gateway ends', async () => {
  const { store, kept, done } = failing(3);
  const policies = new KeptPolicies(store, silentLogger, 1);
  policies.keepInTime(policy);
  await done;
  await policies.close();
  expect(kept).toEqual([policy.digest]);
  const never = new KeptPolicies(failing(1_000_000).store, silentLogger, 60_000);
  never.keepInTime(policy);
  await never.close();
});
