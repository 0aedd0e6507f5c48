/** The mocked people and facilities as FHIR R4 resources. */
import type { Facility, Patient, Personnel } from './population.ts';
import { settings } from './world.ts';

const META = { versionId: '3', lastUpdated: '2025-01-15T10:00:00.000Z' };
const HIDDEN = {
  extension: [
    { url: 'http://hl7.org/fhir/StructureDefinition/data-absent-reason', valueCode: 'unknown' },
  ],
};

/** A resource as JSON; `type` and `id` are its address. */
export interface Resource {
  resourceType: string;
  id: string;
  [field: string]: unknown;
}

/** A patient; one that was combined into another shows nothing but the link to it. */
export function patientResource(patient: Patient): Resource {
  const { ohPatientId: id, active, replacedBy } = patient;
  if (replacedBy !== undefined) {
    const link = [{ other: { reference: `Patient/${replacedBy}` }, type: 'replaced-by' }];
    return {
      resourceType: 'Patient',
      id,
      meta: META,
      active,
      link,
      identifier: [HIDDEN],
      name: [HIDDEN],
    };
  }
  return {
    resourceType: 'Patient',
    id,
    meta: META,
    identifier: [
      { use: 'usual', type: { text: 'ICN' }, system: settings.icnSystem, value: patient.icn },
      {
        use: 'usual',
        type: { text: 'MRN' },
        system: 'urn:oid:2.16.840.1.113883.6.1000',
        value: patient.mrn,
      },
      { type: { text: 'Messaging' }, value: 'example-alias', _system: HIDDEN },
    ],
    active,
    name: [nameOf(patient)],
    birthDate: patient.birthDate,
    managingOrganization: organizationReference(patient.facility),
  };
}

/** A person of the staff. */
export function practitionerResource(person: Personnel): Resource {
  const identifier = [{ system: 'http://hl7.org/fhir/sid/us-npi', value: person.npi }];
  return {
    resourceType: 'Practitioner',
    id: person.id,
    meta: META,
    identifier,
    active: true,
    name: [nameOf(person)],
  };
}

/** A facility as the organization that runs it. */
export function organizationResource(facility: Facility): Resource {
  return {
    resourceType: 'Organization',
    id: facility.organizationId,
    meta: META,
    identifier: [stationIdentifier(facility)],
    active: true,
    name: `${facility.name} Health Care System`,
  };
}

/** A facility as a building. */
export function locationResource(facility: Facility): Resource {
  return {
    resourceType: 'Location',
    id: facility.locationId,
    meta: META,
    identifier: [stationIdentifier(facility)],
    status: 'active',
    name: facility.name,
    mode: 'instance',
    physicalType: {
      coding: [
        {
          system: 'http://terminology.hl7.org/CodeSystem/location-physical-type',
          code: 'bu',
          display: 'Building',
        },
      ],
    },
    managingOrganization: organizationReference(facility),
  };
}

/** The one visit of a patient, from which messages know their facility. */
export function encounterResource(patient: Patient): Resource {
  const { facility } = patient;
  return {
    resourceType: 'Encounter',
    id: patient.encounterId,
    meta: META,
    status: 'finished',
    class: { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'AMB' },
    subject: { reference: `Patient/${patient.ohPatientId}` },
    period: { start: '2024-06-03T14:00:00Z', end: '2024-06-03T14:30:00Z' },
    location: [
      {
        location: { reference: `Location/${facility.locationId}`, display: facility.name },
        status: 'completed',
      },
    ],
    serviceProvider: organizationReference(facility),
  };
}

function stationIdentifier(facility: Facility): object {
  return { use: 'official', system: settings.stationSystem, value: facility.station };
}

function organizationReference(facility: Facility): object {
  return {
    reference: `Organization/${facility.organizationId}`,
    display: `${facility.name} Health Care System`,
  };
}

function nameOf({ family, given }: { family: string; given: string[] }): object {
  return { use: 'official', text: `${family}, ${given.join(' ')}`, family, given };
}
