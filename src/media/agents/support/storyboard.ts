import { even, type Size } from './geometry';

/** A grid of small pictures over the whole video. */
export interface StoryboardPlan {
  /** Seconds between two pictures. */
  intervalS: number;
  pictures: number;
  sheets: number;
  tile: Size;
}

const COLUMNS = 6;
const ROWS = 5;
/** Pictures in all, at most: five sheets. */
const MAX_PICTURES = 150;
/** A picture is so high and so wide at most, in pixels: a JPEG with six of them has a limit of its own, 65,500. */
const TILE: Size = { width: 720, height: 90 };

/** One picture every two seconds, or fewer for a long video. */
export function planStoryboard(durationS: number, picture: Size): StoryboardPlan {
  const intervalS = Math.max(2, Math.ceil(durationS / MAX_PICTURES));
  const pictures = Math.max(1, Math.ceil(durationS / intervalS));
  const factor = Math.min(TILE.height / picture.height, TILE.width / picture.width);
  return {
    intervalS,
    pictures,
    sheets: Math.ceil(pictures / (COLUMNS * ROWS)),
    tile: { width: even(factor * picture.width), height: even(factor * picture.height) },
  };
}

/** The name of a sheet, counted from 1. */
export const sheetName = (sheet: number) => `storyboard-${sheet}.jpg`;

/** The filter that makes the sheets from keyframes. */
export function storyboardFilter({ intervalS, tile }: StoryboardPlan): string {
  return `fps=1/${intervalS}:start_time=0:round=up,scale=${tile.width}:${tile.height},tile=${COLUMNS}x${ROWS}`;
}

function stamp(seconds: number): string {
  // Rounded first: 59.9996 s is a minute, and not 59 seconds and 1,000 thousandths.
  const all = Math.round(seconds * 1000);
  const [whole, ms] = [Math.floor(all / 1000), all % 1000];
  const pad = (value: number, width = 2) => String(value).padStart(width, '0');
  return `${pad(Math.floor(whole / 3600))}:${pad(Math.floor(whole / 60) % 60)}:${pad(whole % 60)}.${pad(ms, 3)}`;
}

/** The WebVTT file that tells a player which part of which sheet belongs to which time. */
export function storyboardVtt(plan: StoryboardPlan, durationS: number): string {
  const { intervalS, pictures, tile } = plan;
  const cues = Array.from({ length: pictures }, (_, index) => {
    const cell = index % (COLUMNS * ROWS);
    const x = (cell % COLUMNS) * tile.width;
    const y = Math.floor(cell / COLUMNS) * tile.height;
    const sheet = sheetName(Math.floor(index / (COLUMNS * ROWS)) + 1);
    const end = Math.min(durationS, (index + 1) * intervalS);
    return `${stamp(index * intervalS)} --> ${stamp(end)}\n${sheet}#xywh=${x},${y},${tile.width},${tile.height}\n`;
  });
  return `WEBVTT\n\n${cues.join('\n')}`;
}
