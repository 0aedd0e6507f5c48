/** Who and what exists in the mocked Oracle Health: invented people, teams and facilities. */

export interface Patient {
  ohPatientId: string;
  icn: string;
  mrn: string;
  /** The patient's user id in MHV. */
  mhvCorrelationId: string;
  family: string;
  given: string[];
  birthDate: string;
  active: boolean;
  /** The patient that this one was combined into. */
  replacedBy?: string;
  /** A record that FHIR cannot show: reading it is a 500. */
  broken?: boolean;
  /** Has a mail account, so that messages to e-mail addresses can be sent. */
  mailAccount: boolean;
  encounterId: string;
  facility: Facility;
}

export interface Facility {
  station: string;
  organizationId: string;
  locationId: string;
  name: string;
}

export interface Pool {
  id: string;
  name: string;
  recipientAccess: 'GRANTED' | 'DENIED_CONFIGURATION';
  outOfOffice: boolean;
}

export interface Personnel {
  id: string;
  npi: string;
  family: string;
  given: string[];
  recipientAccess: 'GRANTED' | 'DENIED_CONFIGURATION';
  outOfOffice: boolean;
}

/** People that no plain lookup finds, by what is odd about them. */
interface SpecialPeople {
  /** Two active patients share this ICN. */
  ambiguousIcn: string;
  /** No patient has this ICN. */
  unknownIcn: string;
  /** `oldPatientId` was combined into the patient with this ICN. */
  combined: { oldPatientId: string; survivorPatientId: string; icn: string };
  /** Two patients, each replaced by the other. */
  cyclePatientIds: string[];
  inactive: { ohPatientId: string; icn: string };
  broken: { ohPatientId: string; icn: string };
  /** Searching this ICN also returns an entry that is no match (`search.mode` outcome). */
  withOutcomeIcn: string;
}

export interface Population {
  /** Ordinary patients and special ones, by OH id. */
  patients: Map<string, Patient>;
  byIcn: Map<string, Patient[]>;
  byCorrelationId: Map<string, Patient>;
  /** The ordinary ones, in order. */
  ordinary: Patient[];
  special: SpecialPeople;
  pools: Map<string, Pool>;
  personnel: Map<string, Personnel>;
  facilities: Facility[];
}

const FIRST_PATIENT = 1_000_001;
const FIRST_SPECIAL = 9_000_001;

const facilities: Facility[] = [
  { station: '668', organizationId: '675844', locationId: '21250409', name: 'Example Clinic East' },
  {
    station: '589GR',
    organizationId: '675845',
    locationId: '21250410',
    name: 'Example Clinic West',
  },
];

/** The same seed and number of patients give the same population. */
export function buildPopulation(patients: number, seed: number): Population {
  const population: Population = {
    patients: new Map(),
    byIcn: new Map(),
    byCorrelationId: new Map(),
    ordinary: [],
    special: {
      ambiguousIcn: icnOf(seed, 100_001),
      unknownIcn: icnOf(seed, 100_000),
      combined: {
        oldPatientId: String(FIRST_SPECIAL + 2),
        survivorPatientId: String(FIRST_SPECIAL + 3),
        icn: icnOf(seed, 100_003),
      },
      cyclePatientIds: [String(FIRST_SPECIAL + 4), String(FIRST_SPECIAL + 5)],
      inactive: { ohPatientId: String(FIRST_SPECIAL + 6), icn: icnOf(seed, 100_006) },
      broken: { ohPatientId: String(FIRST_SPECIAL + 7), icn: icnOf(seed, 100_007) },
      withOutcomeIcn: icnOf(seed, 100_008),
    },
    pools: byId(pools()),
    personnel: byId(personnel()),
    facilities,
  };
  for (let index = 0; index < patients; index++) {
    const patient = invent(FIRST_PATIENT + index, icnOf(seed, index), index);
    if (index === 0) patient.mailAccount = true;
    population.ordinary.push(patient);
    add(population, patient);
  }
  for (const patient of specialPatients(population.special)) add(population, patient);
  return population;
}

function add(population: Population, patient: Patient): void {
  population.patients.set(patient.ohPatientId, patient);
  population.byCorrelationId.set(patient.mhvCorrelationId, patient);
  const same = population.byIcn.get(patient.icn);
  if (same === undefined) population.byIcn.set(patient.icn, [patient]);
  else same.push(patient);
}

function specialPatients(special: SpecialPeople): Patient[] {
  const at = (offset: number, icn: string, changes: Partial<Patient> = {}): Patient => ({
    ...invent(FIRST_SPECIAL + offset, icn, offset),
    ...changes,
  });
  const [first = '', second = ''] = special.cyclePatientIds;
  const { survivorPatientId, icn } = special.combined;
  return [
    at(0, special.ambiguousIcn),
    at(1, special.ambiguousIcn),
    at(2, icn, { active: false, replacedBy: survivorPatientId }),
    at(3, icn),
    at(4, '', { active: false, replacedBy: second }),
    at(5, '', { active: false, replacedBy: first }),
    at(6, special.inactive.icn, { active: false }),
    at(7, special.broken.icn, { broken: true }),
    at(8, special.withOutcomeIcn),
  ];
}

function invent(number: number, icn: string, index: number): Patient {
  const facility = facilities[index % facilities.length] ?? facilities[0];
  if (facility === undefined) throw new Error('No facility.');
  return {
    ohPatientId: String(number),
    icn,
    mrn: String(10_000_000 + number),
    mhvCorrelationId: String(20_000_000 + number),
    family: 'ZZTEST',
    given: ['PATIENT', `N${number}`],
    birthDate: `19${50 + (index % 40)}-0${1 + (index % 9)}-1${index % 9}`,
    active: true,
    mailAccount: false,
    encounterId: String(number + 3_000_000),
    facility,
  };
}

/** Distinct for indexes below 100,000 and a seed; the digits after V are invented, not a checksum. */
function icnOf(seed: number, index: number): string {
  const digits = 1_000_000_000 + (Math.abs(seed * 104_729 + index * 7919) % 900_000_000);
  const check = String((index * 65_537 + 4321) % 1_000_000).padStart(6, '0');
  return `${digits}V${check}`;
}

function pools(): Pool[] {
  return [
    {
      id: '2000001',
      name: 'ZZTEST Primary Care East',
      recipientAccess: 'GRANTED',
      outOfOffice: false,
    },
    { id: '2000002', name: 'ZZTEST Pharmacy', recipientAccess: 'GRANTED', outOfOffice: false },
    {
      id: '2000003',
      name: 'ZZTEST Closed Clinic',
      recipientAccess: 'DENIED_CONFIGURATION',
      outOfOffice: false,
    },
  ];
}

function personnel(): Personnel[] {
  return [
    staff(0, 'NURSE'),
    { ...staff(1, 'DOCTOR'), outOfOffice: true },
    { ...staff(2, 'PHARMACIST'), recipientAccess: 'DENIED_CONFIGURATION' },
  ];
}

function staff(offset: number, given: string): Personnel {
  return {
    id: String(2_100_001 + offset),
    npi: `111111111${offset + 1}`,
    family: 'ZZTEST',
    given: [given],
    recipientAccess: 'GRANTED',
    outOfOffice: false,
  };
}

function byId<T extends { id: string }>(items: T[]): Map<string, T> {
  return new Map(items.map((item) => [item.id, item]));
}
