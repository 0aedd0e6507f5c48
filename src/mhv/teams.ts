/** Triage teams as MHV lists them for one user. */
import { decodeHTMLStrict } from 'entities';
import { z } from 'zod';
import { idSchema } from '../json.ts';

export interface MhvTriageTeam {
  id: string;
  name: string;
  stationNumber?: string;
  /** ASSUMPTION: MHV tells teams of Oracle Health apart by `ohTriageGroup`, in this spelling. */
  isOhTeam: boolean;
  /** The user may not write to it. */
  isBlocked: boolean;
}

const team = z
  .object({
    triageTeamId: idSchema,
    name: z.string(),
    stationNumber: z.string().nullish(),
    ohTriageGroup: z.boolean().nullish(),
    blockedStatus: z.boolean().nullish(),
  })
  .transform(
    ({ triageTeamId, name, stationNumber, ohTriageGroup, blockedStatus }): MhvTriageTeam => ({
      id: triageTeamId,
      name: decodeHTMLStrict(name),
      isOhTeam: ohTriageGroup ?? false,
      isBlocked: blockedStatus ?? false,
      ...(stationNumber ? { stationNumber } : {}),
    }),
  );

/** Body of the list: totals, then the teams. */
export const teamsSchema = z
  .tuple([z.unknown(), z.object({ triageTeam: z.array(team).nullish() })], z.unknown())
  .transform(([, { triageTeam }]) => triageTeam ?? []);
