import { ExchangeError } from '../errors.ts';

/** Where in a document something is, for a person with an editor: line and column, both from 1. */
export interface Position {
  line: number;
  column: number;
}

/**
 * Turns offsets of one text into positions. The table of lines is made when first asked for: most
 * documents have no error, and a document of a thousand bad entries pays for it once.
 */
export class Positions {
  readonly #text: string;
  #lineStarts: number[] | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  /** Position of the character at `offset`; columns count UTF-16 units. */
  at(offset: number): Position {
    this.#lineStarts ??= lineStartsOf(this.#text);
    let low = 0;
    let high = this.#lineStarts.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#lineStarts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - (this.#lineStarts[low] ?? 0) + 1 };
  }
}

function lineStartsOf(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}

/** An error about what stands at one place: `malformed`, with line and column. */
export function malformedAt({ line, column }: Position, what: string): ExchangeError {
  const message = `${what} (line ${line}, column ${column}).`;
  return new ExchangeError('malformed', message, { line, column });
}
