/** The API's description, by itself; that answers are as it says is witnessed by every test beside this one. */
import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Validator } from '@seriousme/openapi-schema-validator';
import Ajv from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { setup } from './setup.ts';

interface Schema {
  $ref?: string;
  examples?: unknown[];
}

interface MediaType {
  schema: Schema;
  example?: unknown;
  examples?: Record<string, { value: unknown }>;
}

interface Operation {
  operationId: string;
  summary: string;
  tags: string[];
  requestBody?: { content: Record<string, MediaType> };
  responses: Record<string, { description: string; content?: Record<string, MediaType> }>;
  security?: Record<string, string[]>[];
}

interface Description {
  paths: Record<string, Record<string, Operation>>;
  components: Record<string, object>;
}

async function described() {
  const { url } = setup();
  const document = (await (await fetch(`${url}/openapi/json`)).json()) as Description;
  const operations = Object.values(document.paths).flatMap((item) => Object.values(item));
  return { document, operations };
}

test('it is a valid OpenAPI 3.1 document', async () => {
  const { document } = await described();
  const validator = new Validator();
  expect(await validator.validate({ ...structuredClone(document) })).toMatchObject({ valid: true });
  expect(validator.version).toBe('3.1');
});

test('each operation has a name of its own, a summary, and a place among the others', async () => {
  const { operations } = await described();
  const ids = operations.map(({ operationId }) => operationId);
  expect(new Set(ids).size).toBe(ids.length);
  for (const { operationId, summary, tags } of operations) {
    expect({ operationId, summary, tags: tags.length }).toEqual({
      operationId: expect.stringMatching(/^[a-z][A-Za-z]+$/),
      summary: expect.stringMatching(/^\S.{5,80}$/),
      tags: 1,
    });
  }
});

test('each body has an example, and each example is as its schema says', async () => {
  const { document, operations } = await described();
  const ajv = new Ajv({ strict: false });
  addFormats(ajv);
  for (const { operationId, requestBody, responses } of operations) {
    const bodies = [requestBody, ...Object.values(responses)].flatMap((body) =>
      Object.entries(body?.content ?? {}),
    );
    for (const [mediaType, { schema, example, examples = {} }] of bodies) {
      const shown = [
        ...(example === undefined ? [] : [example]),
        ...Object.values(examples).map(({ value }) => value),
        ...(schema.examples ?? []),
      ];
      expect({ operationId, mediaType, examples: shown.length > 0 }).toMatchObject({
        examples: true,
      });
      const validate = ajv.compile({ ...schema, components: document.components });
      for (const one of shown) {
        const isFit = validate(one);
        expect({ operationId, errors: isFit ? [] : validate.errors }).toMatchObject({ errors: [] });
      }
    }
  }
});

test('each refusal is a problem document that says when to come back, where that helps', async () => {
  const { operations } = await described();
  for (const { operationId, responses } of operations) {
    for (const [status, answer] of Object.entries(responses)) {
      if (Number(status) < 400) continue;
      expect([operationId, status, Object.keys(answer.content ?? {})]).toEqual([
        operationId,
        status,
        ['application/problem+json'],
      ]);
    }
    expect(responses).toHaveProperty('503.headers.Retry-After');
  }
});

test('the README has each route with its scope and answers, and no other', async () => {
  const { document } = await described();
  const everywhere = new Set(['401', '403', '429', '500', '503']);
  const rows = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, { security = [], summary, responses }]) => {
      const scope = security.flatMap(({ bearer = [] }) => bearer)[0];
      const opensIt = scope ? `\`${scope}\`` : security.length > 0 ? 'the feed' : '';
      const answers = Object.keys(responses).filter((status) => !everywhere.has(status));
      return `| \`${method.toUpperCase()} ${path}\` | ${opensIt} | ${summary} | ${answers.join(', ')} |`;
    }),
  );
  const readme = readFileSync(join(import.meta.dir, '../../README.md'), 'utf8');
  const section = /^## API$([\s\S]*?)^## /m.exec(readme)?.[1] ?? '';
  const shown = section.match(/^\| `.*$/gm) ?? [];
  expect([...shown]).toEqual(rows);
});
