import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';
import type { SpeechToText } from './capabilities';
import { TOOL_ENV } from './sandbox';

/**
 * An operator's command as an argument vector: parted by spaces, no quotes, no shell. `{audio}` stands for the path of
 * the sound; a command without it gets the path as its last argument.
 */
export function parseCommand(text: string | undefined): string[] | undefined {
  const words = (text ?? '').split(/\s+/).filter((word) => word !== '');
  if (words.length === 0) return undefined;
  return words.some((word) => word.includes('{audio}')) ? words : [...words, '{audio}'];
}

/** What turns speech into text on this host: a command that was configured, and pocketsphinx if it is installed. */
export async function findSpeechToText(
  command: string | undefined,
  searchPath: string = TOOL_ENV.PATH,
): Promise<SpeechToText> {
  const argv = parseCommand(command);
  const found: SpeechToText = argv ? { command: argv } : {};
  for (const dir of searchPath.split(delimiter).filter((part) => isAbsolute(part))) {
    const path = join(dir, 'pocketsphinx_continuous');
    const usable = await access(path, constants.X_OK).then(
      () => true,
      () => false, // not in this folder
    );
    if (usable) return { ...found, pocketsphinx: path };
  }
  return found;
}
