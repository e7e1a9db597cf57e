/**
 * SASLprep (RFC 4013) as PostgreSQL applies it to passwords before SCRAM: ASCII stays, other text is mapped and normalised, and text that
 * the profile prohibits is used as it is. Pure. Not covered: the tables of unassigned code points and of right-to-left text, which only
 * matter for a password that normalisation would also change.
 */

const ASCII = /^[\x00-\x7f]*$/;
/** RFC 3454 table C.1.2: spaces other than U+0020. */
const SPACES = /[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/g;
/** RFC 3454 table B.1: mapped to nothing. */
const NOTHING = /\u00ad|\u034f|\u1806|[\u180b-\u180d]|\u200c|\u200d|\u2060|[\ufe00-\ufe0f]|\ufeff/g;
/** RFC 3454 tables C.2 to C.9: control, private use, non-characters, surrogates, and what changes how text is shown. */
const PROHIBITED =
  /[\p{Cc}\p{Co}\p{Cs}\p{Noncharacter_Code_Point}\u06dd\u070f\u180e\u200e\u200f\u2028-\u202e\u2061-\u2063\u206a-\u206f\u2ff0-\u2ffb\ufff9-\ufffd\u{1d173}-\u{1d17a}\u{e0001}\u{e0020}-\u{e007f}]|\u0340|\u0341/u;

/** The form of a password whose hash a PostgreSQL server keeps. */
export function saslPrep(password: string): string {
  if (ASCII.test(password)) return password;
  const mapped = password.replace(SPACES, ' ').replace(NOTHING, '').normalize('NFKC');
  return mapped === '' || PROHIBITED.test(mapped) ? password : mapped;
}
