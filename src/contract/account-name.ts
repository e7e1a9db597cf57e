/**
 * Names of accounts at targets, as people, policy and certificates may name them. Narrow on purpose: no comma (a list in a certificate, CVE-2026-35414), no
 * blank, control character, wildcard or path, nothing outside of ASCII that looks like something else, and none of the marks (`@`, `+`, `:`) that
 * part an account from a target.
 */
const NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$/;

export const isAccountName = (text: string): boolean => NAME.test(text);

/** What an account's name may be, for texts of errors. */
export const ACCOUNT_NAME_RULE = 'letters, digits, `_`, `.` and `-`, at most 64, not beginning with `.` or `-`';
