/** Failed / (completed + failed), to four digits; null if there were neither. */
export function failureRate(failed: number, completed: number): number | null {
  return failed + completed === 0 ? null : Number((failed / (failed + completed)).toFixed(4));
}
