/** The few parts of FHIR R4 resources that the exchange reads, and what it takes from them. */
import { z } from 'zod';

const text = z
  .string()
  .nullish()
  .transform((value) => value ?? undefined);

const reference = z
  .object({ reference: text })
  .nullish()
  .transform((value) => value?.reference);

const identifiers = z
  .array(z.object({ use: text, system: text, value: text }))
  .nullish()
  .transform((list) => list ?? []);

/** One identifier of a resource; a value can be missing when the vendor gives only an extension. */
type Identifier = z.output<typeof identifiers>[number];

export const patientSchema = z.object({
  resourceType: z.literal('Patient'),
  id: z.string().min(1),
  active: z.boolean().nullish(),
  identifier: identifiers,
  link: z
    .array(z.object({ other: reference, type: text }))
    .nullish()
    .transform((list) => list ?? []),
  managingOrganization: reference,
});

export type Patient = z.output<typeof patientSchema>;

export const practitionerSchema = z.object({
  resourceType: z.literal('Practitioner'),
  name: z
    .array(
      z.object({
        use: text,
        text,
        family: text,
        given: z.array(z.string().nullable()).nullish(),
      }),
    )
    .nullish()
    .transform((list) => list ?? []),
});

export const encounterSchema = z.object({
  resourceType: z.literal('Encounter'),
  location: z
    .array(z.object({ location: reference }))
    .nullish()
    .transform((list) => list ?? []),
  serviceProvider: reference,
});

export type Encounter = z.output<typeof encounterSchema>;

/** A Location or an Organization. */
export const placeSchema = z.object({
  resourceType: z.enum(['Location', 'Organization']),
  identifier: identifiers,
});

export type Place = z.output<typeof placeSchema>;

const otherSchema = z.object({ resourceType: z.string().refine((type) => type !== 'Patient') });

/** A page of a search for patients: resources of other types may stand among them. */
export const searchsetSchema = z.object({
  resourceType: z.literal('Bundle'),
  link: z
    .array(z.object({ relation: text, url: text }))
    .nullish()
    .transform((list) => list ?? []),
  entry: z
    .array(
      z.object({
        resource: z.union([patientSchema, otherSchema]).nullish(),
        search: z.object({ mode: text }).nullish(),
      }),
    )
    .nullish()
    .transform((list) => list ?? []),
});

export type Searchset = z.output<typeof searchsetSchema>;

const ICN = /^[0-9]{10}V[0-9]{6}$/;
/** The form in which the Master Person Index writes a permanent ICN. */
const ICN_OF_MPI = /^([0-9]{10}V[0-9]{6})\^NI\^200M\^USVHA\^P$/;
const STATION_NUMBER = /^[0-9]{3}[A-Z0-9]{0,4}$/;

/** Whether the text is an ICN in its strict bare form. */
export function isIcn(value: string): boolean {
  return ICN.test(value);
}

/** Every different ICN among identifiers of `system`, bare; those marked old are left out. */
export function icnsOf(list: Identifier[], system: string): string[] {
  const icns = list
    .filter((identifier) => identifier.system === system && identifier.use !== 'old')
    .map(({ value = '' }) => (isIcn(value) ? value : ICN_OF_MPI.exec(value)?.[1]))
    .filter((icn) => icn !== undefined);
  return [...new Set(icns)];
}

/**
 * The first station number among identifiers of `system`, which may also carry the station behind a
 * dot, as VA's own systems do.
 */
export function stationNumberOf(list: Identifier[], system: string): string | undefined {
  return list.find(
    ({ system: found, value }) =>
      value !== undefined &&
      STATION_NUMBER.test(value) &&
      (found === system || found === `${system}.${value}`),
  )?.value;
}

/** The official name, else the first: its text, or composed as `FAMILY, GIVEN`. */
export function nameOf(practitioner: z.output<typeof practitionerSchema>): string | undefined {
  const { name: names } = practitioner;
  const name = names.find(({ use }) => use === 'official') ?? names[0];
  if (name?.text) return name.text;
  const given = (name?.given ?? []).filter((part) => part !== null).join(' ');
  return [name?.family, given].filter((part) => part).join(', ') || undefined;
}
