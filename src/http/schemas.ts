/** Pieces that several shapes of the API share. */
import { type SchemaOptions, Type } from '@sinclair/typebox';

export const icn = Type.String({
  pattern: '^[0-9]{10}V[0-9]{6}$',
  error: 'must be an ICN: ten digits, V, six digits',
  examples: ['1012345678V123456'],
});

/** MPI's form of a Cerner id; only an active one (status A) is taken. */
export const cernerId = Type.String({
  pattern: '^\\w+\\^PI\\^200CRNR\\^US\\w+\\^A$',
  error: 'must be an active 200CRNR identifier such as 7929590^PI^200CRNR^USVHA^A',
  examples: ['7929590^PI^200CRNR^USVHA^A'],
});

/** The id in an MPI identifier, opaque as ever. */
export function idOfMpi(identifier: string): string {
  return identifier.split('^', 1)[0] ?? '';
}

/** One of a few words. Not Elysia's UnionEnum: that fills an absent field with its first word. */
export function oneOf<const Words extends string[]>(
  words: [...Words],
  options: SchemaOptions = {},
) {
  const error = `must be one of ${words.join(', ')}`;
  return Type.Unsafe<Words[number]>(
    Type.Union(
      words.map((word) => Type.Literal(word)),
      { error, ...options },
    ),
  );
}

/** How much of a list one answer shows. As text: Elysia reports a number out of range without its name. */
export const pageLimit = Type.String({
  pattern: '^(200|1[0-9]{2}|[1-9][0-9]?)$',
  error: 'must be a whole number from 1 to 200; 50 unless told',
});

/** What `limit` is unless told. */
export const DEFAULT_PAGE = 50;

/** Where the next page of a list begins. */
export const nextCursor = Type.String({
  description: 'cursor of the next page; absent on the last',
});

/** Of an answer that says where to look later. */
export const locationOf = (what: string) => Type.String({ description: `Path of ${what}` });
