/** Client of Cerner FHIR R4: who a patient is, what a clinician is called, which station it was. */
import { type CallContext, UpstreamError } from '../upstream.ts';
import {
  createFhirReader,
  type FhirReader,
  type FhirReaderOptions,
  type ReadById,
} from './fhir-read.ts';
import {
  type Encounter,
  encounterSchema,
  icnsOf,
  isIcn,
  nameOf,
  type Patient,
  type Place,
  patientSchema,
  placeSchema,
  practitionerSchema,
  type Searchset,
  searchsetSchema,
  stationNumberOf,
} from './fhir-resources.ts';

export interface OhFhirOptions extends FhirReaderOptions {
  /** Identifier system of the ICN in this tenant. */
  icnSystem: string;
  /** Identifier system of station numbers on Location and Organization. */
  stationSystem: string;
}

/**
 * Every method throws UpstreamError. Reads are kept for a while; 403 and a repeated 401 are `retry`,
 * faults of configuration. A person must look at everything `rejected`.
 */
export interface OhFhir {
  /**
   * Finds the one active patient with the ICN. None is `rejected`, `fhir:patient-unknown`; more than
   * one `fhir:patient-ambiguous`; one that carries another ICN `fhir:patient-mismatch`.
   */
  patientByIcn(icn: string, context: CallContext): Promise<{ patientId: string }>;
  /**
   * The ICN of the patient, or of the survivor when the patient was combined. `rejected` without one
   * (`fhir:icn-unknown`), with several (`fhir:icn-ambiguous`), or when the patient is inactive and
   * nobody survives (`fhir:patient-inactive`).
   */
  icnOfPatient(patientId: string, context: CallContext): Promise<string>;
  /** The same, with the id of the patient who has that ICN: of the survivor when combined. */
  survivorOf(patientId: string, context: CallContext): Promise<{ patientId: string; icn: string }>;
  /** The practitioner's official name, if there is any. */
  practitionerName(practitionerId: string, context: CallContext): Promise<string | undefined>;
  /**
   * The station number (`668`, `589GR`) of the encounter's location, else of its service provider,
   * else of the patient's managing organization. A resource that is not there is passed over.
   */
  stationNumber(
    of: { encounterId?: string; patientId: string },
    context: CallContext,
  ): Promise<string | undefined>;
}

const MAX_HOPS = 5;
const MAX_PAGES = 10;
const MAX_LOCATIONS = 5;

/** A client for one service root. */
export function createOhFhir(options: OhFhirOptions): OhFhir {
  const reader = createFhirReader(options);
  const source: Source = {
    options,
    reader,
    patient: reader.byId('Patient', patientSchema),
    encounter: reader.byId('Encounter', encounterSchema),
    places: {
      Location: reader.byId('Location', placeSchema),
      Organization: reader.byId('Organization', placeSchema),
    },
  };
  const practitioner = reader.byId('Practitioner', practitionerSchema);
  return {
    patientByIcn: (icn, context) => patientByIcn(source, icn, context),
    icnOfPatient: async (patientId, context) => (await identityOf(source, patientId, context)).icn,
    survivorOf: (patientId, context) => identityOf(source, patientId, context),
    practitionerName: async (id, context) => nameOf(await practitioner(id, context)),
    stationNumber: (of, context) => stationNumber(source, of, context),
  };
}

/** Where each kind of resource comes from. */
interface Source {
  options: OhFhirOptions;
  reader: FhirReader;
  patient: ReadById<Patient>;
  encounter: ReadById<Encounter>;
  places: Record<'Location' | 'Organization', ReadById<Place>>;
}

async function patientByIcn(
  { options, reader }: Source,
  icn: string,
  context: CallContext,
): Promise<{ patientId: string }> {
  if (!isIcn(icn)) throw rejected('invalid-icn', 'The ICN is not in its strict form.');
  const query = `${encodeURIComponent(options.icnSystem)}%7C${encodeURIComponent(icn)}`;
  const found = new Map<string, Patient>();
  let url: string | undefined = `${options.baseUrl}/Patient?identifier=${query}`;
  for (let pages = 0; url !== undefined && found.size < 2; pages += 1) {
    if (pages === MAX_PAGES) throw rejected('too-many-pages', 'The search has too many pages.');
    const page: Searchset = await reader.page(url, searchsetSchema, context);
    for (const patient of activeMatches(page)) found.set(patient.id, patient);
    const next = page.link.find(({ relation }) => relation === 'next')?.url;
    url = next === undefined ? undefined : underRoot(next, options.baseUrl);
  }
  const [patient, other] = found.values();
  if (!patient) throw rejected('patient-unknown', 'No active patient in OH has the ICN.');
  if (other) throw rejected('patient-ambiguous', 'Several active patients in OH have the ICN.');
  const icns = icnsOf(patient.identifier, options.icnSystem);
  if (icns.length > 0 && !icns.includes(icn)) {
    throw rejected('patient-mismatch', 'The patient that OH found has another ICN.');
  }
  return { patientId: patient.id };
}

function activeMatches(page: Searchset): Patient[] {
  const patients: Patient[] = [];
  for (const { resource, search } of page.entry) {
    const isMatch = search?.mode === undefined || search.mode === 'match';
    if (!isMatch || !resource || !('identifier' in resource)) continue;
    if (resource.active !== false) patients.push(resource);
  }
  return patients;
}

/** The next page's URL as given, if it is under our service root: the token goes nowhere else. */
function underRoot(next: string, baseUrl: string): string {
  const url = URL.canParse(next, `${baseUrl}/`) ? new URL(next, `${baseUrl}/`) : undefined;
  const root = new URL(baseUrl);
  if (url?.origin === root.origin && url.pathname.startsWith(`${root.pathname}/`)) return url.href;
  throw rejected('next-elsewhere', 'The next page of a search is not under the service root.');
}

async function identityOf(
  source: Source,
  patientId: string,
  context: CallContext,
): Promise<{ patientId: string; icn: string }> {
  const patient = await survivorOf(source, patientId, context);
  const [icn, other] = icnsOf(patient.identifier, source.options.icnSystem);
  if (icn === undefined) throw rejected('icn-unknown', 'The patient has no ICN in OH.');
  if (other !== undefined) throw rejected('icn-ambiguous', 'The patient has several ICNs in OH.');
  return { patientId: patient.id, icn };
}

async function survivorOf(
  { patient: read, reader }: Source,
  patientId: string,
  context: CallContext,
): Promise<Patient> {
  const seen = new Set<string>();
  let current = patientId;
  while (!seen.has(current) && seen.size <= MAX_HOPS) {
    seen.add(current);
    const patient = await read(current, context);
    if (patient.active !== false) return patient;
    const link = patient.link.find(({ type }) => type === 'replaced-by')?.other;
    const survivor = link === undefined ? undefined : reader.resolve(link);
    if (survivor?.type !== 'Patient') {
      throw rejected('patient-inactive', 'The patient is inactive in OH and was not combined.');
    }
    current = survivor.id;
  }
  throw rejected(
    'patient-combined',
    'The patient was combined in a circle or too many times over.',
  );
}

async function stationNumber(
  source: Source,
  of: { encounterId?: string; patientId: string },
  context: CallContext,
): Promise<string | undefined> {
  for await (const reference of placesOf(source, of, context)) {
    const place = source.reader.resolve(reference);
    if (place?.type !== 'Location' && place?.type !== 'Organization') continue;
    const found = await ifThere(source.places[place.type](place.id, context));
    const station = found && stationNumberOf(found.identifier, source.options.stationSystem);
    if (station !== undefined) return station;
  }
  return undefined;
}

/** References to places, nearest to the message first; the patient is read only when needed. */
async function* placesOf(
  source: Source,
  of: { encounterId?: string; patientId: string },
  context: CallContext,
): AsyncGenerator<string> {
  if (of.encounterId !== undefined) {
    const encounter = await ifThere(source.encounter(of.encounterId, context));
    for (const { location } of encounter?.location.slice(0, MAX_LOCATIONS) ?? []) {
      if (location !== undefined) yield location;
    }
    if (encounter?.serviceProvider !== undefined) yield encounter.serviceProvider;
  }
  const patient = await survivorOf(source, of.patientId, context);
  if (patient.managingOrganization !== undefined) yield patient.managingOrganization;
}

async function ifThere<T>(read: Promise<T>): Promise<T | undefined> {
  try {
    return await read;
  } catch (error) {
    const status = error instanceof UpstreamError ? error.outcome.httpStatus : undefined;
    if (status === 404 || status === 410) return undefined;
    throw error;
  }
}

function rejected(code: string, reason: string): UpstreamError {
  return new UpstreamError({ kind: 'rejected', code: `fhir:${code}`, reason });
}
