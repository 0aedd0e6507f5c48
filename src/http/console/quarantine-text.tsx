/** A quarantined document as text, with its lines numbered and the offending places marked. */
import { decodeXml } from '../../atom/encoding.ts';
import { type DocumentFault, ExchangeError } from '../../errors.ts';
import { number } from './words.ts';

/** Lines shown around each fault, and from the start of a document without one. */
const AROUND = 8;
const MOST_LINES = 400;
/** A document may be one line of megabytes; of a line so much is shown around the fault. */
const MOST_COLUMNS = 400;

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
        const fault = faults.find((one) => one.line === line);
        const before = shown[index - 1] ?? 0;
        return (
          <span key={line}>
            {line - before > 1 && (
              <span class="gap">
                … {number(line - before - 1)} lines …{'\n'}
              </span>
            )}
            <Line {...{ line, text: lines[line - 1] ?? '', fault }} />
          </span>
        );
      })}
      {(shown.at(-1) ?? 0) < lines.length && (
        <span class="gap">… {number(lines.length - (shown.at(-1) ?? 0))} lines …</span>
      )}
    </pre>
  );
}

function Line({
  line,
  text,
  fault,
}: {
  line: number;
  text: string;
  fault: DocumentFault | undefined;
}) {
  const from = Math.max(0, (fault?.column ?? 1) - 1 - MOST_COLUMNS / 2);
  const part = text.slice(from, from + MOST_COLUMNS);
  const at = fault?.column === undefined ? undefined : fault.column - 1 - from;
  const isCut = from + MOST_COLUMNS < text.length;
  return (
    <span class={fault ? 'line faulty' : 'line'}>
      <span class="number">{line}</span>
      {from > 0 && '…'}
      {at === undefined ? (
        part
      ) : (
        <>
          {part.slice(0, at)}
          <mark>{part.slice(at, at + 1) || ' '}</mark>
          {part.slice(at + 1)}
        </>
      )}
      {isCut && '…'}
      {'\n'}
      {fault && (
        <span class="fault">
          {fault.column === undefined ? '' : `column ${fault.column}: `}
          {fault.detail}
          {'\n'}
        </span>
      )}
    </span>
  );
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
