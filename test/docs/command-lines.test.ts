/** The reader of command lines that the documents are checked with finds what people would type, and objects to what gw would refuse. */
import { describe, expect, it } from 'vitest';
import { faultOf, gwCalls, type Manifest } from './command-lines.js';

const manifest: Manifest = {
  commands: {
    login: { id: 'login', flags: { json: { name: 'json', type: 'boolean' }, 'ca-file': { name: 'ca-file', type: 'option' } }, args: {} },
    'sessions:ls': { id: 'sessions:ls', aliases: ['sessions'], flags: { limit: { name: 'limit', char: 'n', type: 'option' } }, args: {} },
    exec: { id: 'exec', flags: {}, args: { target: { required: true } }, strict: false },
  },
};

describe('gwCalls', () => {
  it.each([
    ['gw login', [['login']]],
    ['$ gw login --json # now', [['login', '--json']]],
    ['GW_GATEWAY=x A="b c" gw exec a -- psql | cat', [['exec', 'a', '--', 'psql']]],
    ['GW_ID_TOKEN=$(gw quickstart token alice) gw ls', [['quickstart', 'token', 'alice'], ['ls']]],
    ['echo $(gw quickstart token alice)', [['quickstart', 'token', 'alice']]],
    ['gw exec a -- \\\n  psql -c "select 1; drop x"', [['exec', 'a', '--', 'psql', '-c', 'select 1; drop x']]],
    ['cd x && gw ls > out; gw status', [['ls'], ['status']]],
    ['gwx y\necho gw login\n"gw" z\n# gw login', []],
  ])('%j', (shell, calls) => {
    expect(gwCalls(shell)).toEqual(calls);
  });
});

describe('faultOf', () => {
  it.each([
    ['login --json', null],
    ['login --ca-file x.pem', null],
    ['login --ca-file=x.pem', null],
    ['sessions ls -n 5', null],
    ['sessions', null],
    ['exec a -- psql --nope', null],
    ['help exit-codes', null],
    ['help sessions', null],
    ['', null],
    ['--version', null],
    ['login --nope', 'gw login has no flag --nope'],
    ['login -n 5', 'gw login has no flag -n'],
    ['login x', 'gw login takes 0 arguments, got 1'],
    ['exec', 'gw exec needs 1 arguments, got 0'],
    ['lgin', 'there is no command "gw lgin"'],
    ['help nothing', 'there is no help for "nothing"'],
  ])('gw %s: %s', (line, fault) => {
    expect(
      faultOf(
        line.split(' ').filter((word) => word !== ''),
        manifest,
      ),
    ).toBe(fault);
  });
});
