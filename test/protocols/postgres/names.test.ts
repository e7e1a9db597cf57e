import { describe, expect, it } from 'vitest';
import { Flight } from '../../../src/protocols/postgres/flight.js';
import { type NameChange, NameSpace } from '../../../src/protocols/postgres/names.js';
import { fc } from '../../support/fast-check.js';

describe('names in a pipeline', () => {
  it('a change is good at once for its own segment, and unsettled for a later one until answered', () => {
    const names = new NameSpace<string>();
    const change = names.change('s', 'A', 1);
    expect(names.lookup('s', 1)).toBe('A');
    expect(names.lookup('s', 2)).toBe('unsettled');
    change.confirm();
    expect(names.lookup('s', 2)).toBe('A');
  });

  it('a rejected change leaves what the name meant before (D27: stale statement)', () => {
    const names = new NameSpace<string>();
    names.change('s', 'A', 1).confirm();
    const second = names.change('s', 'B', 2);
    const third = names.change('s', 'C', 3);
    second.reject();
    third.reject();
    expect(names.lookup('s', 4)).toBe('A');
    expect(names.lookup('unknown', 1)).toBeNull();
  });

  it('a close that is rejected did not happen', () => {
    const names = new NameSpace<string>();
    names.change('s', 'A', 1).confirm();
    const closing = names.change('s', null, 2);
    expect(names.lookup('s', 2)).toBeNull();
    closing.reject();
    expect(names.lookup('s', 3)).toBe('A');
    names.change('s', null, 3).confirm();
    expect(names.lookup('s', 4)).toBeNull();
    expect(names.size).toBe(0);
  });

  it('agrees with a server that settles in order, whatever fails', () => {
    const step = fc.record({ value: fc.option(fc.string({ maxLength: 2 })), ok: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        const names = new NameSpace<string>();
        let server: string | null = null;
        const changes: [NameChange, (typeof steps)[number]][] = steps.map((entry, index) => [names.change('n', entry.value, index), entry]);
        for (const [change, { value, ok }] of changes) {
          if (ok) {
            change.confirm();
            server = value;
          } else change.reject();
        }
        expect(names.lookup('n', 1000)).toBe(server);
      }),
    );
  });
});

describe('the queue of expected answers', () => {
  it('keeps order while it grows and wraps', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 200, maxLength: 1000 }), (pushes) => {
        const flight = new Flight();
        const model: number[] = [];
        let counter = 0;
        for (const push of pushes) {
          if (push || model.length === 0) {
            const kind = (counter++ % 7) + 1;
            flight.push(kind, null, null);
            model.push(kind);
          } else {
            expect(flight.kind()).toBe(model[0]);
            flight.pop();
            model.shift();
          }
          expect(flight.length).toBe(model.length);
        }
        for (let i = 0; i < model.length; i++) expect(flight.kind(i)).toBe(model[i]);
      }),
    );
  });
});
