import { SECTIONS, type SectionName } from './document';

/** What can be picked: the sections, and the older name of one of them. */
export const PICKABLE = [...SECTIONS, 'agents'] as const;
export type Pickable = (typeof PICKABLE)[number];

/** One or more of them, by commas. */
export const PICKS = new RegExp(`^(?:${PICKABLE.join('|')})(?:,(?:${PICKABLE.join('|')}))*$`);

/** The names in such a text, each once, in the order of the document. */
export function picksOf(text: string): Pickable[] {
  const asked = new Set(text.split(','));
  return PICKABLE.filter((name) => asked.has(name));
}

/** The section that has what was picked. */
export function sectionOf(name: Pickable): SectionName {
  return name === 'agents' ? 'agents_workers' : name;
}
