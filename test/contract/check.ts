/** Requests and responses held against an OpenAPI document. */
import Ajv, { type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { BodyFault, charsetOf, integerOf, mediaTypeOf, valueOf } from './bodies.ts';
import { type Content, type Contract, type Operation, resolve, type Schema } from './document.ts';

export interface WireRequest {
  method: string;
  /** Path and query as sent. */
  target: string;
  headers: Headers;
  bytes: Uint8Array<ArrayBuffer>;
}

export interface WireResponse {
  status: number;
  headers: Headers;
  bytes: Uint8Array<ArrayBuffer>;
}

export interface Check {
  /** The operation that a request names, if there is one. */
  operationOf(method: string, target: string): Operation | undefined;
  /** What breaks the contract: one sentence for each fault, `{operation} {side} {place} {fault}`. */
  request(request: WireRequest): string[];
  response(operation: Operation, response: WireResponse): string[];
}

type Validate = (place: string, schema: Schema, value: unknown) => string[];

/** A check by one document. */
export function createCheck(contract: Contract): Check {
  const validate = createValidate(contract);
  const operationOf = (method: string, target: string) => find(contract, method, target);
  return {
    operationOf,
    request(request) {
      const operation = operationOf(request.method, request.target);
      if (!operation) return [`no operation is ${request.method} on this path`];
      const faults = [
        ...pathFaults(contract, validate, operation, request),
        ...queryFaults(contract, validate, operation, request),
        ...headerFaults(contract, validate, operation, request),
        ...requestBodyFaults(validate, operation, request),
      ];
      return faults.map((fault) => `${operation.id} request ${fault}`);
    },
    response(operation, response) {
      const faults = responseFaults(contract, validate, operation, response);
      return faults.map((fault) => `${operation.id} response ${fault}`);
    },
  };
}

/** Validates by JSON Schema 2020-12; what the document's prose says is always returned is required. */
function createValidate(contract: Contract): Validate {
  const ajv = new Ajv({ strict: false, allErrors: true });
  addFormats(ajv);
  ajv.addKeyword({
    keyword: 'x-always-returned',
    type: 'object',
    macro: (fields: string[]) => ({ required: fields }),
  });
  const compiled = new Map<Schema, ValidateFunction>();
  return (place, schema, value) => {
    const { components } = contract;
    const known = compiled.get(schema) ?? ajv.compile({ allOf: [schema], components });
    compiled.set(schema, known);
    if (known(value)) return [];
    return (known.errors ?? [])
      .filter(({ keyword }) => keyword !== 'x-always-returned')
      .map(({ instancePath, message }) => `${place}${instancePath} ${message}`);
  };
}

function find(contract: Contract, method: string, target: string): Operation | undefined {
  const path = belowBase(contract, target);
  return contract.operations.find(
    (operation) => operation.method === method && operation.pattern.test(path),
  );
}

function belowBase(contract: Contract, target: string): string {
  const path = target.split('?', 1)[0] ?? '';
  const base = contract.bases.find((pattern) => pattern.test(path));
  return base === undefined ? '' : path.replace(base, '');
}

function pathFaults(
  contract: Contract,
  validate: Validate,
  { path, pattern, parameters }: Operation,
  { target }: WireRequest,
): string[] {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
  const segments = pattern.exec(belowBase(contract, target))?.slice(1) ?? [];
  return names.flatMap((name, index) => {
    const parameter = parameters.find((one) => one.in === 'path' && one.name === name);
    const raw = segments[index] ?? '';
    if (parameter === undefined) return [`path.${name} is not described`];
    // Simple expansion (RFC 6570 §3.2.2) encodes all but unreserved characters; commas part a list.
    if (!/^[\w.~!'()*,%-]*$/.test(raw)) return [`path.${name} must be percent-encoded`];
    const value = typed(contract, parameter.schema, decodeURIComponent(raw));
    return validate(`path.${name}`, parameter.schema, value);
  });
}

function queryFaults(
  contract: Contract,
  validate: Validate,
  { parameters }: Operation,
  { target }: WireRequest,
): string[] {
  const query = new URLSearchParams(target.split('?')[1] ?? '');
  const described = parameters.filter((one) => one.in === 'query');
  const unknown = [...query.keys()].filter((key) => !described.some(({ name }) => name === key));
  const faults = described.flatMap(({ name, required, schema }) => {
    const values = query.getAll(name);
    const [value] = values;
    if (value === undefined) return required ? [`query.${name} is required`] : [];
    if (values.length > 1) return [`query.${name} must be given once`];
    return validate(`query.${name}`, schema, typed(contract, schema, value));
  });
  return [...unknown.map((name) => `query.${name} is not documented`), ...faults];
}

function headerFaults(
  contract: Contract,
  validate: Validate,
  { parameters, security }: Operation,
  { headers }: WireRequest,
): string[] {
  const faults = parameters
    .filter((one) => one.in === 'header')
    .flatMap(({ name, required, schema }) => {
      const value = headers.get(name);
      if (value === null) return required ? [`header.${name} is required`] : [];
      return validate(`header.${name}`, schema, typed(contract, schema, value));
    });
  const isProved = security.some((names) => names.every((name) => headers.get(name)));
  const wanted = security.map((names) => names.join(' and ')).join(', or ');
  return isProved ? faults : [...faults, `header ${wanted} is required`];
}

/** The text as the schema's type. A list is parted at commas; a blank after one is no part of a value. */
function typed(contract: Contract, schema: Schema, text: string): unknown {
  const { type } = resolve(contract.raw, schema);
  if (type === 'array') return text.split(',').map((item) => item.trim());
  if (type === 'integer' && /^-?\d+$/.test(text)) return integerOf(text);
  if (type === 'boolean' && /^(true|false)$/.test(text)) return text === 'true';
  return text;
}

function requestBodyFaults(
  validate: Validate,
  { body }: Operation,
  { headers, bytes }: WireRequest,
): string[] {
  if (body === undefined) return bytes.byteLength === 0 ? [] : ['body is not documented'];
  if (bytes.byteLength === 0) return body.required ? ['body is required'] : [];
  const contentType = headers.get('content-type') ?? '';
  const charset = charsetOf(contentType);
  const charsets = body['x-content-type-charset']?.enum;
  if (charset !== undefined && charsets?.includes(charset) === false) {
    return ['header.Content-Type has a charset that is not documented'];
  }
  return bodyFaults(validate, bytes, contentType, body.content);
}

/**
 * An error may come without a body, and where the document describes none for an error or a redirect,
 * with one of any type. A success has the body described, or none.
 */
function responseFaults(
  contract: Contract,
  validate: Validate,
  { responses }: Operation,
  { status, headers, bytes }: WireResponse,
): string[] {
  const answer = responses[String(status)];
  if (answer === undefined) return [`status ${status} is not documented`];
  const faults = Object.entries(answer.headers ?? {}).flatMap(([name, { required, schema }]) => {
    const value = headers.get(name);
    if (value === null) return required ? [`${status} header.${name} is required`] : [];
    return validate(`${status} header.${name}`, schema, typed(contract, schema, value));
  });
  const { content } = answer;
  const isEmpty = bytes.byteLength === 0;
  if (status >= 300 && content === undefined) return faults;
  if (status >= 400 && isEmpty) return faults;
  if (content === undefined) return isEmpty ? faults : [...faults, `${status} body must be empty`];
  if (isEmpty) return [...faults, `${status} body is missing`];
  const contentType = headers.get('content-type') ?? '';
  const wrong = bodyFaults(validate, bytes, contentType, content);
  return [...faults, ...wrong.map((fault) => `${status} ${fault}`)];
}

function bodyFaults(
  validate: Validate,
  bytes: Uint8Array<ArrayBuffer>,
  contentType: string,
  content: Content,
): string[] {
  try {
    const value = valueOf(bytes, contentType, content);
    const { schema } = content[mediaTypeOf(contentType)] ?? {};
    return schema === undefined ? [] : validate('body', schema, value);
  } catch (error) {
    if (error instanceof BodyFault) return [`body ${error.message}`];
    throw error;
  }
}
