import { type Canvas, COLOUR } from './canvas';

/** What is shown in one place of a chart, and how. */
export interface Series {
  name: string;
  colour: string;
  values: readonly number[];
}

/** A bar that lies, with what stands at its end. */
export interface Bar {
  name: string;
  value: number;
  label: string;
}

const AXIS = 26;

/** Bars on each other with a line through another series, over the places `labels`. 130 points high. */
export function stackedBars(
  canvas: Canvas,
  labels: readonly string[],
  bars: readonly Series[],
  line: Series,
): void {
  const height = 96;
  canvas.need(height + 34);
  legend(canvas, [...bars, line]);
  const sums = labels.map((_label, n) => bars.reduce((sum, { values }) => sum + (values[n] ?? 0), 0));
  const top = roundUp(Math.max(1, ...sums, ...line.values));
  const [x0, base, width] = [canvas.left + AXIS, canvas.y + height, canvas.width - AXIS];
  const yOf = (value: number): number => base - (value / top) * (height - 6);
  for (const part of [0, 0.5, 1]) {
    canvas.line([[x0, yOf(top * part)], [x0 + width, yOf(top * part)]], COLOUR.line); // prettier-ignore
    const style = { size: 6.5, colour: COLOUR.faint, align: 'right' as const };
    canvas.text(String(top * part), canvas.left, yOf(top * part) - 4, AXIS - 5, style);
  }
  const step = width / labels.length;
  for (const [n, label] of labels.entries()) {
    let below = 0;
    for (const { values, colour } of bars) {
      const value = values[n] ?? 0;
      if (value > 0)
        canvas.box(x0 + n * step + 2, yOf(below + value), step - 4, yOf(below) - yOf(below + value), colour);
      below += value;
    }
    canvas.text(label, x0 + n * step, base + 3, step, { size: 6.5, colour: COLOUR.faint, align: 'center' });
  }
  canvas.line(line.values.map((value, n) => [x0 + (n + 0.5) * step, yOf(value)]), line.colour, 1.2); // prettier-ignore
  canvas.y = base + 18;
}

/** Bars that lie below each other, the longest as wide as there is room. */
export function lyingBars(canvas: Canvas, bars: readonly Bar[], colour: string): void {
  const [row, names, labels] = [15, 150, 130];
  const longest = Math.max(...bars.map(({ value }) => value), Number.MIN_VALUE);
  for (const { name, value, label } of bars) {
    canvas.need(row);
    const width = ((canvas.width - names - labels) * value) / longest;
    canvas.text(name, canvas.left, canvas.y + 2, names - 8, { size: 8 });
    canvas.box(canvas.left + names, canvas.y + 2, Math.max(1, width), row - 5, colour);
    canvas.text(label, canvas.left + names + width + 5, canvas.y + 2, labels, {
      size: 7.5,
      colour: COLOUR.faint,
    });
    canvas.y += row;
  }
}

function legend(canvas: Canvas, series: readonly Series[]): void {
  let x = canvas.left + AXIS;
  for (const { name, colour } of series) {
    canvas.box(x, canvas.y + 2, 7, 7, colour);
    canvas.text(name, x + 11, canvas.y + 1, 110, { size: 7.5, colour: COLOUR.faint });
    x += 24 + name.length * 5;
  }
  canvas.y += 16;
}

/** To an even number of one figure and zeros, so that half of it is whole, too. */
function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return [2, 4, 6, 8].map((factor) => factor * power).find((top) => top >= value) ?? 10 * power;
}
