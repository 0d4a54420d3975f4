/** Prints how a command is used, if it was asked for that. @returns whether it was, and there is nothing else to do */
export function answerHelp(args: readonly string[], usage: string): boolean {
  if (!args.includes('--help') && !args.includes('-h')) return false;
  process.stdout.write(`${usage}\n`);
  return true;
}
