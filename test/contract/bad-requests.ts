/** Requests that break a contract, made from a good one. */
import type { Operation, Parameter } from './document.ts';
import type { Request } from './good-requests.ts';

interface Bad {
  how: string;
  request: Request;
}

/** Without a proof of the caller, a parameter or a field, or with a wrong one, or with another body. */
export function badRequests(
  operation: Operation,
  good: Request,
  proof: Record<string, string>,
): Bad[] {
  const proofs = Object.keys(proof)
    .filter((name) => name !== 'x-api-key')
    .map((name) => ({
      how: `without ${name}`,
      request: { ...good, headers: without(good.headers, name) },
    }));
  const parameters = operation.parameters.flatMap((parameter) => badParameters(parameter, good));
  const bodies = [...badBodies('body', good), ...badBodies('form', good)];
  const texts =
    operation.body === undefined
      ? []
      : ['', '{', '[]', '"text"', 'null'].map((text) => ({
          how: `with the body ${text}`,
          request: { ...good, text },
        }));
  const type = operation.body && {
    how: 'in another media type',
    request: {
      ...good,
      text: 'ZZTEST',
      headers: { ...good.headers, 'Content-Type': 'text/plain' },
    },
  };
  return [...proofs, ...parameters, ...bodies, ...texts, ...(type ? [type] : [])];
}

function badParameters(parameter: Parameter, good: Request): Bad[] {
  const { name, schema, required } = parameter;
  const place = { path: 'path', query: 'query', header: 'headers' } as const;
  const part = place[parameter.in];
  const isOpen = schema['type'] === 'string' && !schema['enum'] && !schema['pattern'];
  const isOpenList = schema['type'] === 'array' && parameter.in === 'path';
  const wrong = isOpen || isOpenList ? [] : ['zztest-wrong', '-1.5', ''];
  const changed = wrong.map((value) => ({
    how: `with the ${part} ${name}=${value}`,
    request: { ...good, [part]: { ...good[part], [name]: value } },
  }));
  // Without a part of its path it would be another operation, or none.
  const usable =
    parameter.in === 'path' ? changed.filter(({ how }) => !how.endsWith('=')) : changed;
  if (!required || parameter.in === 'path') return usable;
  return [
    ...usable,
    { how: `without ${name}`, request: { ...good, [part]: without(good[part], name) } },
  ];
}

/** With every field of the body in turn, at any depth, left out or wrong. */
function badBodies(kind: 'body' | 'form', good: Request): Bad[] {
  const whole = good[kind];
  if (typeof whole !== 'object' || whole === null) return [];
  return variants(whole, '').map(({ how, value }) => ({
    how: `with ${kind} ${how}`,
    request: { ...good, [kind]: value },
  }));
}

function variants(value: object, at: string): { how: string; value: unknown }[] {
  return Object.entries(value).flatMap(([key, inner]) => {
    const path = `${at}/${key}`;
    const isList = Array.isArray(value);
    const put = (changed: unknown): unknown =>
      isList
        ? value.map((item, index) => (String(index) === key ? changed : item))
        : { ...value, [key]: changed };
    const own = [
      { how: `${path} left out`, value: isList ? [] : without(value, key) },
      ...[null, { a: 1 }, 'zztest-wrong', -1.5, ''].map((wrong) => ({
        how: `${path} ${JSON.stringify(wrong)}`,
        value: put(wrong),
      })),
    ];
    if (typeof inner !== 'object' || inner === null) return own;
    const below = variants(inner as object, path).map((one) => ({ ...one, value: put(one.value) }));
    return [...own, ...below];
  });
}

function without<T extends object>(value: T, name: string): T {
  return Object.fromEntries(Object.entries(value).filter(([key]) => key !== name)) as T;
}
