/** Oracle Health's FHIR R4 server as a mock: five resource types, reads and searches. */
import { randomUUID } from 'node:crypto';
import { type Answer, empty, header, json, type MockRequest, plain, Refusal } from './answer.ts';
import { type Door, type DoorOptions, openDoor } from './door.ts';
import { resourceById, search } from './fhir-search.ts';
import { type Route, route } from './routes.ts';
import { bearerToken } from './tokens.ts';
import { settings, type World } from './world.ts';

const TYPES = ['Patient', 'Practitioner', 'Organization', 'Location', 'Encounter'] as const;
const MEDIA_TYPES = ['application/fhir+json', 'application/json+fhir', 'application/json'];
const DEFAULT_COUNT = 20;
const MAX_HITS = 1000;

/** Opens the mock; its base URL is `/r4/{tenantId}`. */
export function openFhir(world: World, options: Pick<DoorOptions, 'port' | 'log'>): Promise<Door> {
  return openDoor({
    ...options,
    world,
    routes: [
      route('GET', '/r4/:tenantId/metadata', (request) => traced(() => capabilities(request))),
      ...TYPES.flatMap((type) => [
        route('GET', `/r4/:tenantId/${type}/:id`, (request) =>
          traced(() => read(world, request, type)),
        ),
        route('GET', `/r4/:tenantId/${type}`, (request) =>
          traced(() => searchset(world, request, type)),
        ),
      ]),
    ],
    controls: controlRoutes(world),
    messages: () => [],
    reset: () => undefined,
    maxBodyBytes: 64 * 1024,
  });
}

/** Every answer, refusals too, has the ids that a support case would ask for. */
function traced(work: () => Answer): Answer {
  const ids = { 'x-request-id': randomUUID(), 'opc-request-id': `/${randomUUID()}` };
  try {
    const answer = work();
    return { ...answer, headers: { ...answer.headers, ...ids } };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new Refusal({ ...error.answer, headers: { ...error.answer.headers, ...ids } });
  }
}

/** What FHIR R4 has every server say of itself; this one says it to anybody. */
function capabilities(request: MockRequest): Answer {
  if (request.segment('tenantId') !== settings.tenantId) {
    throw new Refusal(plain(403, 'Tenant not valid or accessible'));
  }
  const resource = TYPES.map((type) => ({ type, interaction: [{ code: 'read' }] }));
  const rest = [{ mode: 'server', resource }];
  const statement = { status: 'active', kind: 'instance', fhirVersion: '4.0.1', rest };
  const body = { resourceType: 'CapabilityStatement', ...statement, format: MEDIA_TYPES };
  return json(200, body, {}, 'application/fhir+json');
}

function read(world: World, request: MockRequest, type: string): Answer {
  const mediaType = checkCaller(world, request, type);
  const id = request.segment('id');
  refuseBroken(world, type, id);
  const resource = resourceById(world, type, id);
  if (resource === undefined) {
    const issue = [{ severity: 'error', code: 'not-found' }];
    return json(404, { resourceType: 'OperationOutcome', issue }, {}, mediaType);
  }
  return json(200, resource, {}, mediaType);
}

/** A page of what was found. `next` is an opaque link, to be followed as given. */
function searchset(world: World, request: MockRequest, type: string): Answer {
  const mediaType = checkCaller(world, request, type);
  const { query, offset } = pageOf(request);
  const found = search(world, type, query);
  if (found.length > MAX_HITS) throw new Refusal(empty(422));
  for (const resource of found) refuseBroken(world, type, resource.id);
  const count = countOf(query);
  const base = baseOf(world);
  const link = [{ relation: 'self', url: `${base}/${type}?${query.toString()}` }];
  if (offset + count < found.length) {
    const page = Buffer.from(JSON.stringify([query.toString(), offset + count])).toString(
      'base64url',
    );
    link.push({ relation: 'next', url: `${base}/${type}?-pageContext=${page}` });
  }
  const entry: object[] = found.slice(offset, offset + count).map((resource) => ({
    fullUrl: `${base}/${type}/${resource.id}`,
    resource,
    search: { mode: 'match' },
  }));
  if (
    type === 'Patient' &&
    query.get('identifier')?.endsWith(world.population.special.withOutcomeIcn)
  ) {
    const issue = [{ severity: 'warning', code: 'informational' }];
    entry.push({
      resource: { resourceType: 'OperationOutcome', issue },
      search: { mode: 'outcome' },
    });
  }
  const bundle = {
    resourceType: 'Bundle',
    id: randomUUID(),
    type: 'searchset',
    total: found.length,
    link,
  };
  return json(200, entry.length === 0 ? bundle : { ...bundle, entry }, {}, mediaType);
}

function checkCaller(world: World, request: MockRequest, type: string): string {
  const token = bearerToken(world.tokens, header(request, 'authorization'), world.now());
  if (token === undefined) {
    throw new Refusal(empty(401, { 'www-authenticate': 'Bearer realm="fhir"' }));
  }
  if (request.segment('tenantId') !== settings.tenantId) {
    throw new Refusal(plain(403, 'Tenant not valid or accessible'));
  }
  if (!token.scopes.has(`system/${type}.read`)) {
    const challenge = 'Bearer realm="fhir", error="insufficient_scope"';
    throw new Refusal(empty(403, { 'www-authenticate': challenge }));
  }
  const accepted = (header(request, 'accept') ?? '')
    .split(',')
    .map((part) => part.split(';')[0]?.trim().toLowerCase() ?? '');
  const mediaType = accepted.find((part) => MEDIA_TYPES.includes(part));
  if (mediaType === undefined) throw new Refusal(empty(406));
  return mediaType;
}

function pageOf(request: MockRequest): { query: URLSearchParams; offset: number } {
  const page = request.query.get('-pageContext');
  if (page === null) return { query: request.query, offset: 0 };
  try {
    const parts: unknown = JSON.parse(Buffer.from(page, 'base64url').toString('utf8'));
    if (Array.isArray(parts)) {
      return { query: new URLSearchParams(String(parts[0])), offset: Number(parts[1]) };
    }
  } catch {
    // Not a page of ours.
  }
  throw new Refusal(plain(400, 'page context is not valid'));
}

function countOf(query: URLSearchParams): number {
  const text = query.get('_count');
  if (text === null) return DEFAULT_COUNT;
  const count = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (count < 1) throw new Refusal(plain(400, '_count is not valid'));
  return Math.min(count, MAX_HITS);
}

/** A stored record without a required field cannot be shown. */
function refuseBroken(world: World, type: string, id: string): void {
  if (type !== 'Patient' || world.population.patients.get(id)?.broken !== true) return;
  const issue = [{ severity: 'fatal', code: 'required', location: ['/f:Patient/f:link/f:type'] }];
  const outcome = { resourceType: 'OperationOutcome', issue };
  throw new Refusal(json(500, outcome, {}, 'application/fhir+json'));
}

function baseOf(world: World): string {
  return `${world.origins.fhir}/r4/${settings.tenantId}`;
}

function controlRoutes(world: World): Route[] {
  return [
    route('GET', '/_mock/patients', () =>
      json(
        200,
        world.population.ordinary.map((patient) => ({
          icn: patient.icn,
          ohPatientId: patient.ohPatientId,
          ohMessages: world.mailbox.byPatient.get(patient.ohPatientId)?.length ?? 0,
          mhvCorrelationId: patient.mhvCorrelationId,
        })),
      ),
    ),
    route('GET', '/_mock/special', () => json(200, world.population.special)),
  ];
}
