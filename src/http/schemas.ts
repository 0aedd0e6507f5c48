/** Pieces that several shapes of the API share. */
import { type SchemaOptions, Type } from '@sinclair/typebox';

export const icn = Type.String({
  pattern: '^[0-9]{10}V[0-9]{6}$',
  error: 'must be an ICN: ten digits, V, six digits',
  examples: ['1012345678V123456'],
});

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
