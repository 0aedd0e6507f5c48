/** OpenAPI 3.1 documents as what a check needs of them: Oracle Health Messaging's, MHV's, and our own. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

export type Schema = Record<string, unknown>;

export interface Parameter {
  name: string;
  in: 'path' | 'query' | 'header';
  required?: boolean;
  schema: Schema;
}

export interface MediaType {
  schema?: Schema;
  encoding?: Record<string, { contentType?: string }>;
}

export type Content = Record<string, MediaType>;

interface RequestBody {
  required?: boolean;
  content: Content;
  'x-content-type-charset'?: { enum: string[] };
}

interface AnswerOf {
  headers?: Record<string, { required?: boolean; schema: Schema }>;
  content?: Content;
}

export interface Operation {
  id: string;
  method: string;
  /** Path template below the base, such as `/{authority}/pools/{poolIds}`. */
  path: string;
  /** Matches the raw path below the base; its groups are the path parameters in order. */
  pattern: RegExp;
  parameters: Parameter[];
  body?: RequestBody;
  responses: Record<string, AnswerOf>;
  /** Header names that prove the caller: all of any one list. */
  security: string[][];
}

export interface Contract {
  /** Path of each server URL, a pattern for the start of a path. */
  bases: RegExp[];
  operations: Operation[];
  /** `components`, for the references in schemas. */
  components: { schemas: Record<string, Schema> };
  /** The whole document. */
  raw: Source & Record<string, unknown>;
}

interface Source {
  servers: { url: string }[];
  security?: Record<string, unknown>[];
  paths: Record<string, Record<string, unknown>>;
  components: {
    schemas: Record<string, Schema>;
    securitySchemes: Record<string, { name?: string }>;
  };
}

interface OperationSource {
  operationId: string;
  parameters?: unknown[];
  requestBody?: unknown;
  responses: Record<string, unknown>;
  security?: Record<string, unknown>[];
}

const METHODS = ['get', 'post', 'put', 'delete'];
const OPEN_BELOW = new Set(['allOf', 'if', 'not', 'contains']);

/** Reads one of the documents that lie beside this file. */
export function readContract(name: 'oh-messaging' | 'mhv-sm'): Contract {
  const text = readFileSync(join(import.meta.dir, `${name}.openapi.yaml`), 'utf8');
  const source = parse(text) as Contract['raw'];
  return contractOf(closed(source, source.components.schemas));
}

/** What a check needs of a document. */
export function contractOf(raw: Contract['raw']): Contract {
  return {
    bases: raw.servers.map(({ url }) => baseOf(url)),
    operations: Object.entries(raw.paths).flatMap(([path, item]) => operationsOf(raw, path, item)),
    components: raw.components,
    raw,
  };
}

/** What a `$ref` names, or the node itself. */
export function resolve<T>(root: unknown, node: T): T {
  if (typeof node !== 'object' || node === null || !('$ref' in node)) return node;
  let found = root;
  for (const key of String(node.$ref).slice(2).split('/')) found = Reflect.get(Object(found), key);
  if (found === undefined) throw new Error(`Nothing is at ${String(node.$ref)}.`);
  return found as T;
}

function baseOf(url: string): RegExp {
  const path = url.replace(/^https?:\/\/[^/]+/, '').replace(/\/$/, '');
  return new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}(?=/)`);
}

function operationsOf(raw: Source, path: string, item: Record<string, unknown>): Operation[] {
  const shared = (item['parameters'] ?? []) as unknown[];
  return METHODS.filter((method) => method in item).map((method) => {
    const source = item[method] as OperationSource;
    const parameters = [...shared, ...(source.parameters ?? [])];
    const responses = Object.entries(source.responses).map(
      ([status, answer]) => [status, answerOf(raw, resolve(raw, answer) as AnswerOf)] as const,
    );
    const body = resolve(raw, source.requestBody) as RequestBody | undefined;
    return {
      id: source.operationId,
      method: method.toUpperCase(),
      path,
      pattern: new RegExp(`^${path.replaceAll(/\{\w+\}/g, '([^/]+)')}$`),
      parameters: parameters.map((parameter) => resolve(raw, parameter) as Parameter),
      ...(body === undefined ? {} : { body }),
      responses: Object.fromEntries(responses) as Operation['responses'],
      security: (source.security ?? raw.security ?? []).map((scheme) =>
        Object.keys(scheme).map((name) => raw.components.securitySchemes[name]?.name ?? name),
      ),
    };
  });
}

function answerOf(raw: Source, { headers = {}, ...answer }: AnswerOf): AnswerOf {
  const fields = Object.entries(headers).map(([name, field]) => [name, resolve(raw, field)]);
  return { ...answer, headers: Object.fromEntries(fields) as NonNullable<AnswerOf['headers']> };
}

/**
 * The document with every use of an object's schema closed to fields that it does not name: a reader must
 * tolerate them, but our clients and mocks have no business to send them. Where a schema is extended
 * (`allOf`) or only tests (`if`, `not`, `contains`) it stays open.
 */
function closed<T>(node: T, schemas: Record<string, Schema>, isPart = false): T {
  if (typeof node !== 'object' || node === null) return node;
  if (Array.isArray(node)) return node.map((item) => closed(item, schemas, isPart)) as T;
  const copy = Object.fromEntries(
    Object.entries(node).map(([key, value]) => {
      const isOpen = key !== 'properties' && (isPart || OPEN_BELOW.has(key));
      return [key, closed(value, schemas, isOpen)];
    }),
  );
  const name = /^#\/components\/schemas\/(\w+)$/.exec(String(copy['$ref']))?.[1] ?? '';
  const named = schemas[name];
  const isObject = named !== undefined && ('properties' in named || 'allOf' in named);
  return (isObject && !isPart ? { ...copy, unevaluatedProperties: false } : copy) as T;
}
