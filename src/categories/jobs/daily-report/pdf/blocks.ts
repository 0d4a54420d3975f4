import { type Canvas, COLOUR } from './canvas';

/** A figure that stands out, and how it compares. */
export interface Card {
  name: string;
  value: string;
  note: string;
}

/** A column of a table; numbers stand to the right. */
export interface Column {
  name: string;
  /** Its part of the width. */
  share: number;
  align?: 'left' | 'right';
}

const ROW = 15;

/** A heading of a section. At least `height` points of what follows stay on its page. */
export function heading(canvas: Canvas, text: string, height: number): void {
  canvas.need(height + 34);
  canvas.y += 14;
  canvas.text(text, canvas.left, canvas.y, canvas.width, { size: 12, bold: true });
  canvas.y += 20;
}

/** A sentence below a heading. */
export function note(canvas: Canvas, text: string): void {
  canvas.need(ROW);
  canvas.text(text, canvas.left, canvas.y, canvas.width, { size: 8.5, colour: COLOUR.faint });
  canvas.y += ROW;
}

/** Cards side by side, four in a row. */
export function cards(canvas: Canvas, all: readonly Card[]): void {
  const gap = 8;
  const width = (canvas.width - 3 * gap) / 4;
  for (let first = 0; first < all.length; first += 4) {
    canvas.need(58);
    for (const [n, card] of all.slice(first, first + 4).entries()) {
      const x = canvas.left + n * (width + gap);
      canvas.box(x, canvas.y, width, 50, COLOUR.shade);
      canvas.text(card.name, x + 8, canvas.y + 6, width - 16, { size: 7.5, colour: COLOUR.faint });
      canvas.text(card.value, x + 8, canvas.y + 17, width - 16, { size: 13, bold: true });
      canvas.text(card.note, x + 8, canvas.y + 36, width - 16, { size: 7, colour: COLOUR.faint });
    }
    canvas.y += 58;
  }
}

/** A table, its head again on each page. */
export function table(
  canvas: Canvas,
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): void {
  const whole = columns.reduce((sum, { share }) => sum + share, 0);
  const widths = columns.map(({ share }) => (canvas.width * share) / whole);
  const line = (cells: readonly string[], head: boolean): void => {
    let x = canvas.left;
    for (const [n, width] of widths.entries()) {
      const style = {
        size: 8,
        bold: head,
        colour: head ? COLOUR.faint : COLOUR.text,
        align: columns[n]?.align,
      };
      canvas.text(cells[n] ?? '', x + 2, canvas.y + 3, width - 6, style);
      x += width;
    }
    canvas.y += ROW;
    canvas.line([[canvas.left, canvas.y], [canvas.left + canvas.width, canvas.y]], COLOUR.line); // prettier-ignore
  };
  const head = columns.map(({ name }) => name);
  canvas.need(2 * ROW);
  line(head, true);
  for (const row of rows) {
    const before = canvas.y;
    canvas.need(ROW);
    if (canvas.y < before) line(head, true);
    line(row, false);
  }
}
