/** Where the next page of a list is, by the Link header field (RFC 8288) beside `next` of the body. */
import { Type } from '@sinclair/typebox';

/** Of the first answers' header fields, for the description. */
export const nextLink = Type.Optional(
  Type.String({
    description: 'The next page as rel="next" (RFC 8288); absent on the last',
    examples: ['</quarantine?cursor=01a2055c-e698-74c2-b1d2-52e04040871f>; rel="next"'],
  }),
);

/** Writes the field when there is a next page: the same request with another cursor. */
export function linkToNext(
  { url }: Request,
  headers: Record<string, string | number>,
  cursor: string | number | undefined,
): void {
  if (cursor === undefined) return;
  const { pathname, searchParams } = new URL(url);
  searchParams.set('cursor', String(cursor));
  headers['link'] = `<${pathname}?${searchParams}>; rel="next"`;
}
