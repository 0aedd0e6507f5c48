/** Plain text as RTF, the way clinicians' messages are kept. */

/** An RTF document: characters outside ASCII become `\uN?`, line ends become `\par`. */
export function rtfOf(text: string): string {
  let content = '';
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    const character = text.charAt(index);
    if (character === '\\' || character === '{' || character === '}') content += `\\${character}`;
    else if (character === '\n') content += '\\par\n';
    else if (character === '\t') content += '\\tab ';
    else if (unit > 0x7e) content += `\\u${unit > 0x7fff ? unit - 0x1_0000 : unit}?`;
    else if (unit >= 0x20) content += character;
  }
  return `{\\rtf1\\ansi\\ansicpg1252\\deff0{\\fonttbl{\\f0 Arial;}}\\f0\\fs20 ${content}\\par}`;
}
