/** A quarantined document as text, with its lines numbered and the offending places marked. */
import { decodeXml } from '../../atom/encoding.ts';
import { type DocumentFault, ExchangeError } from '../../errors.ts';
import { number } from './words.ts';

/** Lines shown around each fault, and from the start of a document without one. */
const AROUND = 8;
const MOST_LINES = 400;
/** A document may be one line of megabytes; of a line so much is shown around each fault. */
const MOST_COLUMNS = 400;
/** Of the faults of one line so many are told below it. */
const MOST_TOLD = 5;

/** Document to text; bytes that are no text of the encoding are shown as Latin-1, nothing is dropped. */
export function textOf(bytes: Uint8Array, contentType: string | undefined): string {
  try {
    return decodeXml(bytes, contentType);
  } catch (error) {
    if (!(error instanceof ExchangeError)) throw error;
    return new TextDecoder('latin1').decode(bytes);
  }
}

export function MarkedText({ text, faults }: { text: string; faults: DocumentFault[] }) {
  const lines = text.split('\n');
  const shown = linesToShow(lines.length, faults);
  return (
    <pre class="document" tabIndex={0} aria-label="The document, its faults marked">
      {shown.map((line, index) => {
        const here = faults.filter((fault) => fault.line === line);
        const before = shown[index - 1] ?? 0;
        return (
          <span key={line}>
            {line - before > 1 && (
              <span class="gap">
                … {number(line - before - 1)} lines …{'\n'}
              </span>
            )}
            <Line {...{ line, text: lines[line - 1] ?? '', faults: here }} />
          </span>
        );
      })}
      {(shown.at(-1) ?? 0) < lines.length && (
        <span class="gap">… {number(lines.length - (shown.at(-1) ?? 0))} lines …</span>
      )}
    </pre>
  );
}

function Line({ line, text, faults }: { line: number; text: string; faults: DocumentFault[] }) {
  const places = faults.flatMap(({ column }) => (column === undefined ? [] : [column - 1]));
  return (
    <span class={faults.length > 0 ? 'line faulty' : 'line'}>
      <span class="number">{line}</span>
      {windowsOf(text, places).map(({ from, to }, index, windows) => (
        <span key={from}>
          {index === 0 && from > 0 && '…'}
          <Marked text={text} from={from} to={to} places={places} />
          {index < windows.length - 1 ? ' … ' : to < text.length && '…'}
        </span>
      ))}
      {'\n'}
      {faults.slice(0, MOST_TOLD).map((fault, index) => (
        <Fault key={index} fault={fault} />
      ))}
      {faults.length > MOST_TOLD && (
        <span class="fault">
          {number(faults.length - MOST_TOLD)} more in this line, listed above.{'\n'}
        </span>
      )}
    </span>
  );
}

function Fault({ fault: { detail, column } }: { fault: DocumentFault }) {
  const isTold = column === undefined || detail.includes(`column ${column}`);
  return (
    <span class="fault">
      {isTold ? '' : `column ${column}: `}
      {detail}
      {'\n'}
    </span>
  );
}

/** The stretches of a line that are shown: around each place, those that meet as one. */
function windowsOf(text: string, places: number[]): { from: number; to: number }[] {
  const windows: { from: number; to: number }[] = [];
  const sorted = places.length > 0 ? places.toSorted((a, b) => a - b) : [0];
  for (const place of sorted) {
    const from = wholeAt(text, Math.max(0, place - MOST_COLUMNS / 2));
    const to = wholeAt(text, Math.max(from + MOST_COLUMNS, place + MOST_COLUMNS / 2));
    const last = windows.at(-1);
    if (last && from <= last.to) last.to = to;
    else windows.push({ from, to });
  }
  return windows;
}

/** A stretch of a line with the character at each place marked. */
function Marked({
  text,
  from,
  to,
  places,
}: {
  text: string;
  from: number;
  to: number;
  places: number[];
}) {
  const here = [...new Set(places)].filter((place) => place >= from && place <= to);
  const ends = here.toSorted((a, b) => a - b).map((at) => ({ at, end: at + widthAt(text, at) }));
  return (
    <>
      {text.slice(from, ends[0]?.at ?? to)}
      {ends.map(({ at, end }, index) => (
        <span key={at}>
          <mark>{text.slice(at, end) || ' '}</mark>
          {text.slice(end, ends[index + 1]?.at ?? to)}
        </span>
      ))}
    </>
  );
}

/** The offset, or the one before where it is between the two units of a character. */
function wholeAt(text: string, at: number): number {
  if (at >= text.length) return text.length;
  return at > 0 && widthAt(text, at - 1) === 2 ? at - 1 : at;
}

/** A character beyond the basic plane has two units. */
function widthAt(text: string, at: number): number {
  return (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
}

/** Lines near a fault; without any that has a line, the first ones. From 1, in order. */
function linesToShow(count: number, faults: DocumentFault[]): number[] {
  const places = faults.flatMap(({ line }) => (line === undefined ? [] : [line]));
  if (places.length === 0)
    return Array.from({ length: Math.min(count, MOST_LINES) }, (_, i) => i + 1);
  const near = new Set<number>();
  for (const place of places) {
    for (let line = place - AROUND; line <= place + AROUND; line += 1) {
      if (line >= 1 && line <= count && near.size < MOST_LINES) near.add(line);
    }
  }
  return [...near].toSorted((a, b) => a - b);
}
