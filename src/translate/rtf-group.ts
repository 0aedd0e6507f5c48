/** The state that a group of an RTF document has, inherits and undoes at its end. */
import { newRtfDocument, type RtfDocument } from './rtf-fonts.ts';

/** Where the content of a group goes: `upr` holds an ANSI copy, shown only through its `\*\ud`. */
type Destination = 'text' | 'nowhere' | 'upr' | 'fonts' | 'instruction';

export interface Field {
  instruction: string;
  /** How many characters were written when the field began. */
  start: number;
}

export interface Group {
  destination: Destination;
  document: RtfDocument;
  field: Field | undefined;
  ownsField: boolean;
  /** True between `\*` and the control word after it. */
  starred: boolean;
  hidden: boolean;
  raised: boolean;
  inListMark: boolean;
  font: number | undefined;
  /** `\af`: the font of right-to-left runs, used after `\rtlch`. */
  rtlFont: number | undefined;
  rtl: boolean;
  /** `\ucN`: how many characters after `\uN` repeat it for old readers. */
  fallbackChars: number;
}

/** What holds outside every group, and at the start of each document. */
export function outermostGroup(): Group {
  return {
    destination: 'text',
    document: newRtfDocument(),
    field: undefined,
    ownsField: false,
    starred: false,
    hidden: false,
    raised: false,
    inListMark: false,
    font: undefined,
    rtlFont: undefined,
    rtl: false,
    fallbackChars: 1,
  };
}
