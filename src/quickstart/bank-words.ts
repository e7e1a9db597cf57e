/** Vocabulary of the bank: names of people and firms, and what one writes into memos and support notes. Data only. */

export const FIRST_NAMES = [
  'Aaliyah', 'Adrian', 'Amelia', 'Andre', 'Anh', 'Beatriz', 'Benjamin', 'Caleb', 'Camila', 'Carmen', 'Chidi', 'Chloe', 'Daniel', 'Deepa', 'Dmitri', 'Elena',
  'Elijah', 'Emma', 'Esther', 'Fatima', 'Felix', 'Gabriela', 'Grace', 'Hannah', 'Hiroshi', 'Ibrahim', 'Ingrid', 'Isaac', 'Jamal', 'Jasmine', 'Joan', 'Jorge',
  'Kenji', 'Kwame', 'Laila', 'Leo', 'Liam', 'Lucia', 'Marcus', 'Maria', 'Mei', 'Mohammed', 'Naomi', 'Nia', 'Noah', 'Olivia', 'Omar', 'Owen', 'Paula', 'Priya',
  'Quinn', 'Rafael', 'Rosa', 'Ruth', 'Samuel', 'Sofia', 'Tariq', 'Theo', 'Valentina', 'Wei', 'Yusuf', 'Zoe',
] as const;

export const LAST_NAMES = [
  'Abara', 'Adams', 'Ahmed', 'Alvarez', 'Anderson', 'Baker', 'Becker', 'Bennett', 'Brooks', 'Campbell', 'Carter', 'Castillo', 'Chen', 'Clark', 'Cohen', 'Cruz',
  'Das', 'Diaz', 'Edwards', 'Evans', 'Fischer', 'Flores', 'Foster', 'Garcia', 'Gomez', 'Green', 'Gupta', 'Hall', 'Harris', 'Hernandez', 'Hill', 'Ito', 'Jackson',
  'Jensen', 'Johnson', 'Jones', 'Kelly', 'Khan', 'Kim', 'Kowalski', 'Lee', 'Lewis', 'Lopez', 'Martin', 'Mbeki', 'Miller', 'Mitchell', 'Moore', 'Morales', 'Nguyen',
  "O'Brien", 'Okafor', 'Ortiz', 'Parker', 'Patel', 'Perez', 'Phillips', 'Ramirez', 'Reed', 'Reyes', 'Rivera', 'Roberts', 'Rossi', 'Sanchez', 'Sato', 'Scott',
  'Silva', 'Singh', 'Smith', 'Taylor', 'Thompson', 'Torres', 'Tran', 'Turner', 'Walker', 'Wang', 'White', 'Williams', 'Wilson', 'Wright', 'Yang', 'Young',
] as const;

/** Placeholders: {account} {other} {card4}. Entries with a sign earn or cost. */
export const CREDIT_MEMOS = [
  'Payroll Harbor Freight Lines',
  'Payroll Northwind Clinics',
  'Wire transfer from account {other}',
  'Mobile deposit, check 1{card4}',
  'Interest payment',
  'Refund Cedar & Pine Outfitters',
  'Transfer from savings',
  'ACH credit Lakeside Property Mgmt',
] as const;

export const DEBIT_MEMOS = [
  'Card purchase Green Basket Grocers, card ending {card4}',
  'Card purchase Meridian Fuel, card ending {card4}',
  'ATM withdrawal Main St',
  'ACH debit City Power & Light',
  'ACH debit Bluebird Mutual Insurance',
  'Wire transfer to account {other}',
  'Mortgage payment',
  'Monthly maintenance fee',
  'Card purchase Rail & Ferry, card ending {card4}',
  'Transfer to savings',
] as const;

/** Placeholders: {name} {ssn} {ssn9} {card} {cardGrouped} {cardDashed} {account} {phone} {email} {dob}. A line break may occur in a note. */
export const SUPPORT_NOTES = [
  'Caller verified with SSN {ssn} and date of birth {dob}. Asked for a new PIN letter.',
  'Customer reports card {cardGrouped} lost while travelling. Blocked, replacement sent to the address on file.',
  'Disputes a charge on {card}. Provisional credit issued; merchant contacted.',
  'Please call back at {phone} after 5 pm about the wire from account {account}.',
  'Change of e-mail to {email} confirmed by callback.',
  'Identity check: social security number {ssn9} did not match at first, the caller had swapped two digits.\nSecond attempt matched.',
  'Wants statements for account {account} from 2024 on paper. Fee waived.',
  'Fraud alert on {cardDashed}: two attempts declined overnight. Customer says it was not them.',
  'Customer asked about opening hours of the downtown branch.',
  'Complaint about waiting time. Apologised, no further action.',
  'Asked whether the app works abroad. Explained roaming and travel notice.',
  'Power of attorney received for {name}; documents scanned, SSN {ssn} checked against the form.',
  'Joint account request: bring both IDs. Primary account {account}, contact {phone} or {email}.',
  'Interest rate question answered.\nNo account data needed.',
  'Travel notice set for card ending in the last digits of {cardGrouped}, two weeks.',
] as const;
