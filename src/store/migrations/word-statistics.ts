/**
 * Migration: how often words are is known to a ten thousandth. Without it the server takes a rare word among millions of operations for a common one, and
 * goes through all of them from the newest on in place of asking the index.
 */
export const wordStatistics = `
alter table gw.operations alter column words set statistics 1000;
alter table gw.operations alter column tags set statistics 1000;
`;
