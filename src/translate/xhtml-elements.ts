/** How XHTML elements and their attributes show, as far as plain text cares. */

export type Attributes = Readonly<Record<string, string>>;

/** Elements whose content is never shown. */
const unseen = new Set([
  'head',
  'iframe',
  'noframes',
  'script',
  'style',
  'svg',
  'template',
  'title',
]);

/** Elements that stand apart from what is before and after by a blank line. */
const spaced = new Set([
  'blockquote',
  'dl',
  'h1',
  'h2',
  'h3',
  'h4',
  'h5',
  'h6',
  'hr',
  'ol',
  'p',
  'pre',
  'ul',
]);

/** Elements that only begin and end a line. */
const lined = new Set([
  'address',
  'article',
  'aside',
  'body',
  'caption',
  'center',
  'dd',
  'details',
  'div',
  'dt',
  'fieldset',
  'figcaption',
  'figure',
  'footer',
  'form',
  'header',
  'html',
  'legend',
  'li',
  'main',
  'nav',
  'option',
  'section',
  'summary',
  'table',
  'tbody',
  'tfoot',
  'thead',
  'tr',
]);

const HIDING_STYLE =
  /(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all|font-size\s*:\s*0(?:px|pt|em|%)?\s*(?:;|!|$))/i;
const KEEPING_STYLE = /(?:^|;)\s*white-space\s*:\s*(?:pre|break-spaces)/i;
const CLOSE_STYLE = /(?:^|;)\s*margin\s*:\s*0/i;

/** Whether the element hides its content by itself: its name, `hidden`, or an inline style. */
export function isUnseen(name: string, attributes: Attributes): boolean {
  if (unseen.has(name) || attributes['hidden'] !== undefined) return true;
  return HIDING_STYLE.test(attributes['style'] ?? '');
}

/** Whether white space in the element counts. */
export function keepsWhiteSpace(name: string, attributes: Attributes): boolean {
  return name === 'pre' || name === 'textarea' || KEEPING_STYLE.test(attributes['style'] ?? '');
}

/** How the element breaks lines: not at all, a line of its own, or blank lines around it. */
export function breakOf(name: string, attributes: Attributes): 'none' | 'line' | 'blank' {
  if (lined.has(name)) return 'line';
  if (!spaced.has(name)) return 'none';
  // Word and Outlook write one <p> a line, without margins.
  const close = attributes['class'] === 'MsoNormal' || CLOSE_STYLE.test(attributes['style'] ?? '');
  return close ? 'line' : 'blank';
}

/** What a picture shows in plain text: its `alt` in brackets; nothing for a decoration or a pixel. */
export function pictureText(attributes: Attributes): string {
  const { alt, width, height } = attributes;
  if (alt !== undefined) return alt.trim() === '' ? '' : `[${alt.trim()}]`;
  return width === '1' || height === '1' || width === '0' || height === '0' ? '' : '[picture]';
}
