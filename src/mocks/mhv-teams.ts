/** Triage teams that a patient may write to, and how the first import from Oracle Health stands. */
import { type Answer, json, type MockRequest } from './answer.ts';
import { icnOfSession, icnOfUser } from './mhv-session.ts';
import type { World } from './world.ts';

export interface TriageTeam {
  triageTeamId: number;
  name: string;
  stationNumber: string;
  blocked: boolean;
  /** The pool behind it, for a team of Oracle Health. */
  ohPoolId?: string;
}

/** Every team: one of VistA, and one for each pool. A pool that takes no messages is blocked. */
export function triageTeams(world: World): TriageTeam[] {
  const vista = {
    triageTeamId: 153_463,
    name: 'ZZTEST VistA Triage',
    stationNumber: '979',
    blocked: false,
  };
  const pools = [...world.population.pools.values()].map((pool, index) => ({
    triageTeamId: 613_586 + index,
    name: pool.name,
    stationNumber: world.population.facilities[index % 2]?.station ?? '668',
    blocked: pool.recipientAccess !== 'GRANTED',
    ohPoolId: pool.id,
  }));
  return [vista, ...pools];
}

/** GET triageteam: teams that are not blocked, four fields each. */
export function listTeams(world: World, request: MockRequest): Answer {
  icnOfSession(world, request);
  const teams = triageTeams(world).filter((team) => !team.blocked);
  return json(200, { triageTeam: teams.map(shortTeam) });
}

/** GET alltriageteams: totals, then teams; those of Oracle Health only when asked for. */
export function listAllTeams(world: World, request: MockRequest): Answer {
  icnOfSession(world, request);
  const { query } = request;
  const withOh =
    query.get('requiresOHTriageGroup') === '1' || query.get('requiresOHMessages') === '1';
  const teams = triageTeams(world).filter((team) => withOh || team.ohPoolId === undefined);
  const totals = {
    associatedTriageGroups: teams.length,
    friendlyTriageTeamPilotFacilities: '668,589GR',
    associatedBlockedTriageGroups: teams.filter((team) => team.blocked).length,
  };
  const triageTeam = teams.map((team) => ({
    ...shortTeam(team),
    stationNumber: team.stationNumber,
    blockedStatus: team.blocked,
    locationName: null,
    leadProviderName: null,
    ohTriageGroup: team.ohPoolId !== undefined,
  }));
  return json(200, [totals, { triageTeam }]);
}

/** GET exchange/ohsyncstatus. */
export function syncStatus(world: World, request: MockRequest): Answer {
  icnOfSession(world, request);
  const known = world.mhv.syncByIcn.get(icnOfUser(world, request));
  const status = known?.status ?? 'NOT_STARTED';
  const syncComplete = status !== 'STARTED' && status !== 'IN_PROGRESS';
  return json(200, {
    status,
    syncComplete,
    ...(known?.error === undefined ? {} : { error: known.error }),
  });
}

function shortTeam({ triageTeamId, name }: TriageTeam): object {
  return { name, relationType: 'PATIENT', triageTeamId, preferredTeam: true };
}
