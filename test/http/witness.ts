/** A reverse proxy before the API that holds each answer against the API's own description. */
import { type Check, createCheck } from '../contract/check.ts';
import { type Contract, contractOf } from '../contract/document.ts';

/** Status of an answer that is not as described; what is wrong is its body. */
const NOT_AS_DESCRIBED = 599;

let check: Check | undefined;

/** Answers as the API does, unless that is not as described. Pages of the console pass unseen. */
export function startWitness(api: string): { url: string; stop: () => void } {
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    async fetch(request) {
      const { pathname, search } = new URL(request.url);
      const target = pathname + search;
      const answer = await fetch(api + target, {
        method: request.method,
        headers: request.headers,
        redirect: 'manual',
        ...(request.body ? { body: await request.arrayBuffer() } : {}),
      });
      check ??= createCheck(contractOf(await describedBy(api)));
      const operation = check.operationOf(request.method, target);
      if (!operation) return answer;
      const bytes = new Uint8Array(await answer.arrayBuffer());
      const { status, headers } = answer;
      const faults = check.response(operation, { status, headers, bytes });
      if (faults.length > 0) return new Response(faults.join('\n'), { status: NOT_AS_DESCRIBED });
      return new Response(bytes, { status, headers });
    },
  });
  return { url: server.url.origin, stop: () => void server.stop(true) };
}

/** The description with every object of an answer closed: a field that it does not name is a fault. */
async function describedBy(api: string): Promise<Contract['raw']> {
  const document = await (await fetch(`${api}/openapi/json`)).text();
  return JSON.parse(document, (key, value: unknown) => {
    if (key === 'requestBody') return undefined;
    return isOpenObject(value) ? { ...value, additionalProperties: false } : value;
  }) as Contract['raw'];
}

function isOpenObject(value: unknown): value is object {
  return (
    typeof value === 'object' &&
    value !== null &&
    'type' in value &&
    value.type === 'object' &&
    !('additionalProperties' in value) &&
    !('patternProperties' in value)
  );
}
