/** Who a patient is at OH, by one of two ways; which one is right is not confirmed publicly. */
import type { OhFhir } from '../oh/fhir.ts';
import { type CallContext, UpstreamError } from '../upstream.ts';

export interface PatientOptions {
  fhir: OhFhir;
  /**
   * ASSUMPTION: MPI's 200CRNR id, the FHIR Patient.id and the patient id of Messaging REST are the
   * same. `mpi-cerner-id` trusts a caller who names it, after FHIR has confirmed the ICN.
   */
  patientIdSource: 'fhir-search' | 'mpi-cerner-id';
}

/** The OH patient id. Throws UpstreamError `rejected` when OH knows nobody, or somebody else. */
export async function ohPatientIdOf(
  { fhir, patientIdSource }: PatientOptions,
  patient: { icn: string; named: string | undefined },
  context: CallContext,
): Promise<string> {
  const { icn, named } = patient;
  if (patientIdSource === 'fhir-search' || named === undefined) {
    return (await fhir.patientByIcn(icn, context)).patientId;
  }
  if ((await fhir.icnOfPatient(named, context)) === icn) return named;
  throw new UpstreamError({
    kind: 'rejected',
    code: 'fhir:patient-mismatch',
    reason: 'The OH patient that the caller named has another ICN.',
  });
}
