/** Classes of data that gw knows by name: how each is shown where the policy does not say, and whether there is a detector for it. */
import type { Treatment } from '../contract/masking.js';

interface KnownClass {
  readonly treatment: Treatment;
  readonly detector: boolean;
  readonly description: string;
}

const known = (treatment: Treatment, detector: boolean, description: string): KnownClass => ({ treatment, detector, description });

export const MASKING_CLASSES: Readonly<Record<string, KnownClass>> = {
  ssn: known('partial', true, 'US social security number'),
  itin: known('partial', true, 'US individual taxpayer number'),
  ein: known('partial', true, 'US employer number'),
  pan: known('partial', true, 'payment card number'),
  cvv: known('null', true, 'card verification value'),
  track: known('null', true, 'magnetic stripe data'),
  iban: known('partial', true, 'international bank account number'),
  aba: known('partial', true, 'US bank routing number'),
  account: known('partial', false, 'account number'),
  email: known('partial', true, 'e-mail address'),
  phone: known('partial', true, 'telephone number'),
  name: known('mask', false, 'name of a person'),
  address: known('mask', false, 'postal address'),
  dob: known('generalise', true, 'date of birth'),
  ip: known('generalise', false, 'network address of a person'),
  zip: known('generalise', false, 'postal code'),
  licence: known('mask', false, "driver's licence or passport number"),
  secret: known('null', true, 'password, key or token'),
  amount: known('generalise', false, 'amount of money'),
  free_text: known('mask', false, 'text that people wrote'),
};
