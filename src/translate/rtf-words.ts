/** The RTF control words that matter to plain text (RTF 1.9.1, appendix B). */

/** Control words that stand for text. */
export const textByWord: ReadonlyMap<string, string> = new Map([
  ['par', '\n'],
  ['line', '\n'],
  ['lbr', '\n'],
  ['softline', '\n'],
  ['sect', '\n'],
  ['page', '\n'],
  ['column', '\n'],
  ['footnote', ' '],
  ['tab', '\t'],
  ['bullet', '•'],
  ['endash', '–'],
  ['emdash', '—'],
  ['lquote', '‘'],
  ['rquote', '’'],
  ['ldblquote', '“'],
  ['rdblquote', '”'],
  ['enspace', ' '],
  ['emspace', ' '],
  ['qmspace', ' '],
  ['zwj', '\u200d'],
  ['zwnj', '\u200c'],
  ['ltrmark', '\u200e'],
  ['rtlmark', '\u200f'],
]);

/** Control symbols that stand for text: `\~` no-break space, `\_` no-break hyphen, line ends. */
export const textBySymbol: ReadonlyMap<string, string> = new Map([
  ['\\', '\\'],
  ['{', '{'],
  ['}', '}'],
  ['~', ' '],
  ['_', '-'],
  ['\n', '\n'],
  ['\r', '\n'],
  ['\r\n', '\n'],
  ['\t', '\t'],
]);

/** Destinations without `\*` whose content is no part of the text. */
export const hiddenDestinations: ReadonlySet<string> = new Set([
  'colortbl',
  'stylesheet',
  'info',
  'filetbl',
  'header',
  'headerl',
  'headerr',
  'headerf',
  'footer',
  'footerl',
  'footerr',
  'footerf',
  'ftnsep',
  'ftnsepc',
  'ftncn',
  'nonshppict',
  'objdata',
  'private',
  'rxe',
  'shprslt',
  'sp',
  'tc',
  'tcn',
  'template',
  'xe',
]);

/** Destinations with `\*` whose content is part of the text all the same. */
export const shownStarDestinations: ReadonlySet<string> = new Set([
  'shppict',
  'shpinst',
  'shptxt',
  'listtext',
  'pntext',
]);
