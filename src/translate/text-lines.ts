/** Builds text line by line under the white space rules of HTML. */
export class TextLines {
  readonly #lines: string[] = [];
  #line = '';
  /** What was added last; asking the line itself would copy it each time. */
  #last = '';
  #started = false;
  #space = false;
  /** True at the very start of a table cell, where a block needs no new line. */
  #atCellStart = false;
  #blankWanted = false;
  #prefix = '';

  /** How many lines are finished; a mark for `reopen`. */
  get count(): number {
    return this.#lines.length;
  }

  /** The end of the line so far, at most two characters. */
  get tail(): string {
    return this.#started ? this.#last.slice(-2) : '';
  }

  /** Adds a word (or any characters, as they are), after a space when one came before it. */
  word(word: string): void {
    this.#begin();
    this.#line += this.#space ? ` ${word}` : word;
    this.#last = word;
    this.#space = false;
    this.#atCellStart = false;
  }

  /** Collapsible white space: one space before the next word of the line, none at its start. */
  space(): void {
    this.#space = this.#started && !this.#last.endsWith(' ');
  }

  /** Ends the line, even an empty one (`<br />`). */
  lineBreak(): void {
    this.#begin();
    this.#end();
  }

  /** Begins a new line where the present one has something; optionally after a blank line. */
  block(apart: 'line' | 'blank'): void {
    if (this.#atCellStart) return;
    if (this.#started) this.#end();
    if (apart === 'blank') this.#blankWanted = true;
  }

  /** Begins the first cell of a table row; the row itself has begun a line. */
  firstCell(): void {
    this.#atCellStart = true;
  }

  /** Begins a further cell of a table row whose lines began at `mark`. */
  nextCell(mark: number): void {
    this.reopen(mark);
    this.word(' | ');
    this.#atCellStart = true;
  }

  /** Ends a table row; the next one follows at once, whatever its cells asked for. */
  endRow(): void {
    this.#atCellStart = false;
    this.block('line');
    this.#blankWanted = false;
  }

  /** Text for the start of the next line; '' takes it back. */
  prefix(prefix: string): void {
    this.#prefix = prefix;
  }

  /** Goes on with the last finished line when the present one is empty and `mark` lies before it. */
  reopen(mark: number): void {
    this.#space = false;
    if (this.#started || this.#lines.length <= mark) return;
    this.#blankWanted = false;
    this.#line = this.#lines.pop() ?? '';
    this.#last = this.#line;
    this.#started = true;
  }

  toString(): string {
    return [...this.#lines, this.#line].join('\n');
  }

  #begin(): void {
    if (this.#started) return;
    const last = this.#lines.at(-1);
    if (this.#blankWanted && last !== undefined && last !== '') this.#lines.push('');
    this.#blankWanted = false;
    this.#line = this.#prefix;
    this.#last = this.#prefix;
    this.#prefix = '';
    this.#started = true;
    this.#space = false;
  }

  #end(): void {
    this.#lines.push(this.#line);
    this.#line = '';
    this.#started = false;
    this.#space = false;
    this.#atCellStart = false;
  }
}
