/** Ways past a page that can't be read. */
import { Parser } from 'htmlparser2';

/** The links back that a malformed document still shows, absolute where a base is known. */
export function lenientLinks(
  body: Uint8Array,
  baseUrl: string | undefined,
): { next?: string; prevArchive?: string } {
  const found: { next?: string; prevArchive?: string } = {};
  const names = { next: 'next', 'prev-archive': 'prevArchive' } as const;
  let isInEntry = false;
  const parser = new Parser(
    {
      onopentag(name, { rel, href }) {
        if (name === 'entry') isInEntry = true;
        if (name !== 'link' || isInEntry || href === undefined) return;
        if (rel !== 'next' && rel !== 'prev-archive') return;
        if (URL.canParse(href, baseUrl)) found[names[rel]] ??= new URL(href, baseUrl).href;
      },
    },
    { xmlMode: true },
  );
  parser.write(new TextDecoder().decode(body));
  parser.end();
  return found;
}

/** The address whose last number is one less; undefined where it has none, or ends at its first. */
export function pageBefore(address: string): string | undefined {
  const match = /^(.*?)(\d+)(\D*)$/.exec(address);
  const [, head = '', digits = '', tail = ''] = match ?? [];
  const number = Number(digits);
  if (!match || number <= 1 || digits.length > 9) return undefined;
  return `${head}${String(number - 1).padStart(digits.length, '0')}${tail}`;
}
