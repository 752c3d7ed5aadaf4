/**
 * EXPLAIN ROUTE on masking: the verdict on a statement and why, and where each column of its result comes from. It asks
 * what a session asks, and counts and sends nothing.
 */
import type { RouteStep } from '../../../runtime/route.ts';
import type { MirroredState } from '../../backend/mirrored-state.ts';
import type { BackendUser } from '../../hostgroup/connector.ts';
import type { OutputColumn } from '../../masking/verdict.ts';
import type { WorkerContext } from '../context.ts';
import type { Judges } from './catalogs.ts';
import { judgeText } from './judging.ts';
import type { MaskingView } from './masking-runtime.ts';

export interface MaskedRoute {
  readonly username: string;
  readonly hostgroup: number;
  readonly state: MirroredState;
  /** As it would be sent. */
  readonly text: Buffer;
}

/** No steps for a user who is exempt. */
export async function explainMasking(context: WorkerContext, route: MaskedRoute): Promise<readonly RouteStep[]> {
  const { runtime } = context;
  const view = runtime.masking.of(route.username);
  if (view === undefined) return [];
  const policy = step('policy', view.policy, view.dryRun ? 'dry run: what follows would only be logged' : '');
  const judges = await judgesFor(context, route);
  if (judges === undefined) {
    return [
      policy,
      step('verdict', 'refused', "the servers' catalog cannot be read with what is known of the user's login"),
    ];
  }
  const { text, state } = route;
  const { verdicts, disagreement, sent } = judgeText(judges, {
    text,
    state,
    schema: state.schema,
    uncertain: false,
    multiStatements: true,
  });
  if (disagreement) return [policy, step('verdict', 'refused', 'the servers of the hostgroup differ')];
  const steps = [policy];
  for (const verdict of verdicts) {
    switch (verdict.kind) {
      case 'pass':
        steps.push(step('verdict', 'passes', 'nothing protected is touched; results are checked by their metadata'));
        break;
      case 'refuse':
        steps.push(step('verdict', 'refused', verdict.refusal.message));
        break;
      case 'mask':
        steps.push(step('verdict', view.policy === 'deny' ? 'refused' : 'masked', ''));
        steps.push(...verdict.columns.map((column, index) => columnStep(view, column, index)));
        break;
    }
  }
  const refused = verdicts.some(({ kind }) => kind === 'refuse');
  if (sent !== undefined && !refused) steps.push(step('text', 'sent with index hints', sent.toString('utf8')));
  return steps;
}

async function judgesFor(context: WorkerContext, { username, hostgroup }: MaskedRoute): Promise<Judges | undefined> {
  const { runtime, masking } = context;
  const clear = runtime.backendUsers.get(username)?.password ?? '';
  const user: BackendUser = { username, secret: { clear } };
  const known = masking.catalogs.current(runtime, hostgroup, user);
  return known ?? (await masking.catalogs.load(runtime, hostgroup, user).catch(() => undefined));
}

function columnStep(view: MaskingView, { source, mask }: OutputColumn, index: number): RouteStep {
  const from = source === undefined ? 'an expression' : `${source.schema}.${source.table}.${source.column}`;
  const spec = mask === undefined ? undefined : view.masking.masks[mask];
  return step(`column ${index + 1}`, spec === undefined ? 'as it is' : `mask ${spec.kind}`, from);
}

function step(item: string, result: string, detail: string): RouteStep {
  return { step: 'masking', item, result, detail };
}
