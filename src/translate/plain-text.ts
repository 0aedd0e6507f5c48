/** OH body blocks -> plain text. */
import type { TextBlock, Undelivered } from '../message.ts';
import { normalForm } from './normal-form.ts';
import { rejection } from './rejection.ts';
import { rtfText } from './rtf-text.ts';
import { UnreadableBody } from './unreadable-body.ts';
import { xhtmlText } from './xhtml-text.ts';

/** All blocks of a body together, in UTF-16 units. */
const MAX_CHARS = 16 * 1024 * 1024;

/**
 * The whole body as plain text, '' when it has no words, in the normal form of `normalForm`. Blocks
 * come in OH's order, newest first; when several have words, each begins with a line
 * `----- title -----` (`-----` without a title; the first block then has no such line) after a blank
 * line. Takes time linear in the size, never throws, and rejects a body that can't be read whole
 * (`translate:unreadable-body`) instead of passing on a part of it.
 */
export function plainText(blocks: TextBlock[]): string | Undelivered {
  try {
    return joined(blocks);
  } catch (error) {
    const why = error instanceof UnreadableBody ? error.message : 'it is damaged';
    return rejection('unreadable-body', `The body of the OH message can't be read: ${why}.`);
  }
}

function joined(blocks: TextBlock[]): string {
  const chars = blocks.reduce((sum, block) => sum + block.text.length, 0);
  if (chars > MAX_CHARS) throw new UnreadableBody(`it is longer than ${MAX_CHARS} characters`);
  const parts = blocks
    .map((block) => ({ title: block.title ?? '', text: readBlock(block) }))
    .filter((part) => part.text !== '');
  if (parts.length <= 1) return parts[0]?.text ?? '';
  return parts.map((part, index) => headed(part, index === 0)).join('\n\n');
}

function headed(part: { title: string; text: string }, first: boolean): string {
  const title = normalForm(part.title).replace(/\s+/g, ' ').trim();
  if (title === '') return first ? part.text : `-----\n${part.text}`;
  return `----- ${title} -----\n${part.text}`;
}

const RTF_START = '{\\rtf';

/** The content decides where it is plain; the declared format only says that XHTML is meant. */
function readBlock({ format, text }: TextBlock): string {
  const rtf = format === 'RTF' ? text.includes(RTF_START) : text.trimStart().startsWith(RTF_START);
  if (rtf) return normalForm(rtfText(text));
  if (format === 'XHTML' || MARKUP.test(text)) return normalForm(xhtmlText(text));
  return normalForm(text);
}

/** A whole tag of a known element: "<120" or "<someone@example.test>" in plain text is none. */
const MARKUP =
  /<(?:!doctype|\/?(?:html|head|body|p|br|div|span|b|i|u|strong|em|font|a|h[1-6]|table|tr|td|ul|ol|li|pre))(?:\s[^<>]*)?\/?>/i;
