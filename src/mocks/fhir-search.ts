/** Which searches Oracle Health's FHIR server supports, and what they find. */
import { plain, Refusal } from './answer.ts';
import {
  encounterResource,
  locationResource,
  organizationResource,
  patientResource,
  practitionerResource,
  type Resource,
} from './fhir-resources.ts';
import { settings, type World } from './world.ts';

const ENCOUNTER_STATUSES = new Set(['planned', 'in-progress', 'finished', 'cancelled']);

/** Looks for one resource by id; undefined when there is none. */
export function resourceById(world: World, type: string, id: string): Resource | undefined {
  const { patients, personnel, facilities } = world.population;
  switch (type) {
    case 'Patient': {
      const patient = patients.get(id);
      return patient && patientResource(patient);
    }
    case 'Practitioner': {
      const person = personnel.get(id);
      return person && practitionerResource(person);
    }
    case 'Organization': {
      const facility = facilities.find((one) => one.organizationId === id);
      return facility && organizationResource(facility);
    }
    case 'Location': {
      const facility = facilities.find((one) => one.locationId === id);
      return facility && locationResource(facility);
    }
    default: {
      const patient = patients.get(String(Number(id) - 3_000_000));
      return patient?.encounterId === id ? encounterResource(patient) : undefined;
    }
  }
}

/** What a search finds, in no promised order. Throws 400 for a search that is not supported. */
export function search(world: World, type: string, query: URLSearchParams): Resource[] {
  const ids = query.get('_id')?.split(',');
  if (ids !== undefined && type !== 'Encounter') {
    return ids
      .map((id) => resourceById(world, type, id))
      .filter((resource) => resource !== undefined)
      .filter(isListed);
  }
  switch (type) {
    case 'Patient':
      return searchPatients(world, query);
    case 'Practitioner':
      return searchPractitioners(world, query);
    case 'Organization':
      return searchOrganizations(world, query);
    case 'Location':
      return searchLocations(world, query);
    default:
      return searchEncounters(world, query);
  }
}

/** Searches never return combined patients. */
function isListed(resource: Resource): boolean {
  return resource['link'] === undefined;
}

function searchPatients(world: World, query: URLSearchParams): Resource[] {
  const { value, system } = identifierOf(query);
  if (system !== undefined && system !== settings.icnSystem) return [];
  const found = (world.population.byIcn.get(value) ?? []).map(patientResource);
  return found.filter(isListed);
}

function searchPractitioners(world: World, query: URLSearchParams): Resource[] {
  const { value, system } = identifierOf(query);
  if (system === undefined || system === '') refuse('identifier needs a system');
  const people = [...world.population.personnel.values()];
  const found = people.filter((person) => person.npi === value);
  return system === 'http://hl7.org/fhir/sid/us-npi' ? found.map(practitionerResource) : [];
}

/** With no parameter it lists everything. */
function searchOrganizations(world: World, query: URLSearchParams): Resource[] {
  const { facilities } = world.population;
  if (!query.has('identifier')) return facilities.map(organizationResource);
  const { value, system } = identifierOf(query);
  if (system !== undefined && system !== settings.stationSystem) refuse('unknown system');
  return facilities.filter((one) => one.station === value).map(organizationResource);
}

/** `identifier` only narrows what `-physicalType` or `type` found. */
function searchLocations(world: World, query: URLSearchParams): Resource[] {
  const physicalType = query.get('-physicalType');
  if (physicalType === null && !query.has('type')) refuseUnsupported();
  const code = physicalType?.split('|').at(-1);
  const station = query.has('identifier') ? identifierOf(query).value : undefined;
  return world.population.facilities
    .filter((one) => code === 'bu' && (station === undefined || one.station === station))
    .map(locationResource);
}

function searchEncounters(world: World, query: URLSearchParams): Resource[] {
  const patientId = query.get('patient');
  const status = query.get('status');
  if (patientId === null) {
    if (status !== null || query.has('_count')) refuse('status and _count need patient');
    const ids = query.get('_id')?.split(',');
    if (ids === undefined) refuseUnsupported();
    return ids
      .map((id) => resourceById(world, 'Encounter', id))
      .filter((resource) => resource !== undefined);
  }
  const wanted = status?.split(',');
  if (wanted?.some((one) => !ENCOUNTER_STATUSES.has(one))) refuse('unknown status');
  const patient = world.population.patients.get(patientId);
  if (patient === undefined) return [];
  const encounter = encounterResource(patient);
  const fits = (wanted?.includes(String(encounter['status'])) ?? true) && inDates(query);
  return fits ? [encounter] : [];
}

const comparisons: Record<string, (start: number, bound: number) => boolean> = {
  ge: (start, bound) => start >= bound,
  gt: (start, bound) => start > bound,
  le: (start, bound) => start <= bound,
  lt: (start, bound) => start < bound,
};

function inDates(query: URLSearchParams): boolean {
  const start = Date.parse('2024-06-03T14:00:00Z');
  return query.getAll('date').every((text) => {
    const compare = comparisons[text.slice(0, 2)];
    const bound = Date.parse(text.slice(2));
    if (compare === undefined || Number.isNaN(bound)) refuse('date is not understood');
    return compare(start, bound);
  });
}

/** The one `identifier`: `{system}|{value}` or `{value}`; the value is required. */
function identifierOf(query: URLSearchParams): { system?: string; value: string } {
  const given = query.getAll('identifier');
  const [text] = given;
  if (text === undefined) refuseUnsupported();
  if (given.length > 1 || text.includes(',')) refuse('identifier may be given once');
  const bar = text.lastIndexOf('|');
  const value = text.slice(bar + 1);
  if (value === '') refuse('identifier needs a value');
  return bar < 0 ? { value } : { system: text.slice(0, bar), value };
}

function refuseUnsupported(): never {
  refuse('no supported search parameters provided');
}

function refuse(text: string): never {
  throw new Refusal(plain(400, text));
}
