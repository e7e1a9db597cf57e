/** Renewal of live sessions: a later token is shown to the gateway before the end, and a session that must end says why. */
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.js';
import { Secret } from '../../src/base/secret.js';
import { renewalDelay, SessionKeeper } from '../../src/client/session-keeper.js';
import type { TokenNeed, TokenSource } from '../../src/client/token-source.js';
import { GwError } from '../../src/contract/gw-error.js';

function source(expiresAt: (need: TokenNeed) => number): TokenSource & { readonly needs: TokenNeed[] } {
  const needs: TokenNeed[] = [];
  return {
    needs,
    origin: 'a test',
    token(need = {}) {
      needs.push(need);
      return Promise.resolve({ secret: new Secret(`token ${needs.length}`), expiresAt: expiresAt(need) });
    },
  };
}

describe('renewalDelay', () => {
  it('is a quarter of what is left before the end, at most two minutes, and fits a timer', () => {
    expect(renewalDelay(4000, 0)).toBe(3000);
    expect(renewalDelay(3_600_000, 0)).toBe(3_480_000);
    expect(renewalDelay(0, 5)).toBe(0);
    expect(renewalDelay(Number.MAX_SAFE_INTEGER, 0)).toBeLessThan(2 ** 31);
  });
});

describe('a session keeper', () => {
  it('shows a later token to the gateway, and goes on from the new end', async () => {
    const end = Date.now() + 200;
    const calls: string[] = [];
    let twice: () => void = () => undefined;
    const done = new Promise<void>((resolve) => (twice = resolve));
    const tokens = source(() => Date.now() + 3_600_000);
    const keeper = new SessionKeeper({
      client: {
        renew(id, token) {
          calls.push(`${id} ${token}`);
          if (calls.length === 2) twice();
          return Promise.resolve(Date.now() + 200);
        },
      },
      source: tokens,
      clock: systemClock,
      onProblem: () => expect.unreachable(),
    });
    keeper.opened('ses_1', end);
    await done;
    keeper[Symbol.dispose]();
    expect(calls).toEqual(['ses_1 token 1', 'ses_1 token 2']);
    expect(tokens.needs[0]).toEqual({ laterThan: end });
  });

  it('says once that a login cannot be renewed from here', async () => {
    const end = Date.now() + 100;
    const problem = await new Promise<GwError>((resolve) => {
      const keeper = new SessionKeeper({
        client: { renew: () => expect.unreachable() },
        source: source(() => end),
        clock: systemClock,
        onProblem: (_session, error) => resolve(error),
      });
      keeper.opened('ses_1', end);
    });
    expect(problem.code).toBe('login.expired');
    expect(problem.message).toContain('a test');
  });

  it('gives up at once when the gateway says no', async () => {
    const problem = await new Promise<GwError>((resolve) => {
      const keeper = new SessionKeeper({
        client: { renew: () => Promise.reject(new GwError('login.locked', 'Locked.')) },
        source: source(() => Date.now() + 3_600_000),
        clock: systemClock,
        onProblem: (_session, error) => resolve(error),
      });
      keeper.opened('ses_1', Date.now() + 50);
    });
    expect(problem.code).toBe('login.locked');
  });
});
