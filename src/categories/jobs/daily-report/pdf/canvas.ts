import PDFDocument from 'pdfkit';

/** The colours of a report. */
export const COLOUR = {
  text: '#1f2933',
  faint: '#6b7780',
  line: '#d9dee3',
  shade: '#f4f6f8',
  good: '#2f8f5b',
  bad: '#c2413a',
  neutral: '#a9b2ba',
  accent: '#2c6fb3',
} as const;

const MARGIN = 48;
const FONTS = { regular: 'DejaVuSans.ttf', bold: 'DejaVuSans-Bold.ttf' } as const;

/** How a text is set. */
export interface TextStyle {
  /** In points. */
  size?: number;
  bold?: boolean;
  colour?: string;
  align?: 'left' | 'right' | 'center';
}

/**
 * The pages of a report, filled from top to bottom. Coordinates are in points from the upper left corner. Its font
 * has the Latin, Greek, Cyrillic, Arabic and Hebrew scripts among others; a character of another is shown as a box.
 */
export class Canvas {
  readonly left = MARGIN;
  readonly width: number;
  /** How far the page is filled. */
  y = MARGIN;
  private readonly doc: PDFKit.PDFDocument;
  private readonly bottom: number;

  constructor(
    title: string,
    private readonly footer: string,
  ) {
    this.doc = new PDFDocument({ size: 'A4', margin: MARGIN, bufferPages: true, info: { Title: title } });
    for (const [name, file] of Object.entries(FONTS))
      this.doc.registerFont(name, require.resolve(`dejavu-fonts-ttf/ttf/${file}`));
    this.width = this.doc.page.width - 2 * MARGIN;
    this.bottom = this.doc.page.height - MARGIN - 20;
  }

  /** Goes on on a new page if there is less than `height` left on this one. */
  need(height: number): void {
    if (this.y + height <= this.bottom) return;
    this.doc.addPage();
    this.y = MARGIN;
  }

  /** One line of text, cut where it is too long; control characters are left out. */
  text(value: string, x: number, y: number, width: number, style: TextStyle = {}): void {
    const { size = 9, bold = false, colour = COLOUR.text, align = 'left' } = style;
    this.doc
      .font(bold ? 'bold' : 'regular')
      .fontSize(size)
      .fillColor(colour);
    const line = value.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ');
    // A height of less than two lines makes it one, with an ellipsis.
    this.doc.text(line, x, y, { width, align, height: size * 1.3, ellipsis: true, lineBreak: true });
  }

  /** A filled rectangle. */
  box(x: number, y: number, width: number, height: number, colour: string): void {
    this.doc.rect(x, y, width, height).fill(colour);
  }

  /** A line through points. */
  line(points: readonly (readonly [x: number, y: number])[], colour: string, width = 0.5): void {
    for (const [n, [x, y]] of points.entries()) {
      if (n === 0) this.doc.moveTo(x, y);
      else this.doc.lineTo(x, y);
    }
    this.doc.lineWidth(width).strokeColor(colour).stroke();
  }

  /** Numbers the pages and closes the document. */
  async end(): Promise<Buffer> {
    const { start, count } = this.doc.bufferedPageRange();
    for (let page = start; page < start + count; page += 1) {
      this.doc.switchToPage(page);
      // Text below the margin would begin a new page.
      this.doc.page.margins.bottom = 0;
      const y = this.doc.page.height - MARGIN;
      this.text(this.footer, this.left, y, this.width - 80, { size: 7, colour: COLOUR.faint });
      const number = `Page ${page + 1} of ${count}`;
      this.text(number, this.left + this.width - 80, y, 80, {
        size: 7,
        colour: COLOUR.faint,
        align: 'right',
      });
    }
    this.doc.end();
    const pieces: Buffer[] = [];
    for await (const piece of this.doc as unknown as AsyncIterable<Buffer>) pieces.push(piece);
    return Buffer.concat(pieces);
  }
}
