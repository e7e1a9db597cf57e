/** Ports that were free a moment ago are not those that the system gives to connections. */
import { describe, expect, it } from 'vitest';
import { freePort, holdFreePort, holdPort } from '../../src/base/free-port.js';

describe('a free port', () => {
  it('is none that the system gives to an outgoing connection', async () => {
    for (let look = 0; look < 50; look++) expect(await freePort()).toBeLessThan(32_768);
  });

  it('is held until it is released', async () => {
    const held = await holdFreePort('127.0.0.1');
    expect(await holdPort('127.0.0.1', held.port)).toBeNull();
    await held.release();
    const again = await holdPort('127.0.0.1', held.port);
    expect(again?.port).toBe(held.port);
    await again?.release();
  });

  it('cannot be had on a host that is none of this machine', async () => {
    await expect(holdFreePort('192.0.2.1')).rejects.toThrow('EADDRNOTAVAIL');
  });
});
