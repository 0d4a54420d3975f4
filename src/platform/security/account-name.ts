/** The one form of an e-mail address that an account is found by, however it was typed. */
export function accountName(email: string): string {
  return email.normalize('NFKC').trim().toLowerCase();
}
