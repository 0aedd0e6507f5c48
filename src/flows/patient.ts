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

/** Who a patient is at OH. */
export interface OhIdentity {
  ohPatientId: string;
  /** The id that the caller named, when that patient was combined into this one. */
  combinedFrom?: string;
}

/**
 * Throws UpstreamError `rejected` when OH knows nobody, several, or somebody else. An id of another
 * tenant is one of these: it means nothing here, and nothing is guessed.
 */
export async function identityOf(
  { fhir, patientIdSource }: PatientOptions,
  patient: { icn: string; named: string | undefined },
  context: CallContext,
): Promise<OhIdentity> {
  const { icn, named } = patient;
  if (patientIdSource === 'fhir-search' || named === undefined) {
    return { ohPatientId: (await fhir.patientByIcn(icn, context)).patientId };
  }
  const survivor = await survivorOf(fhir, named, context);
  if (survivor.icn !== icn) {
    throw rejected('patient-mismatch', 'The OH patient that the caller named has another ICN.');
  }
  const { patientId: ohPatientId } = survivor;
  return { ohPatientId, ...(ohPatientId === named ? {} : { combinedFrom: named }) };
}

async function survivorOf(fhir: OhFhir, named: string, context: CallContext) {
  try {
    return await fhir.survivorOf(named, context);
  } catch (error) {
    if (!(error instanceof UpstreamError) || error.outcome.httpStatus !== 404) throw error;
    throw rejected('patient-unknown', 'OH has no patient with the id that the caller named.');
  }
}

function rejected(code: string, reason: string): UpstreamError {
  return new UpstreamError({ kind: 'rejected', code: `fhir:${code}`, reason });
}
