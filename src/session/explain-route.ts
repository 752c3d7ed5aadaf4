/**
 * EXPLAIN ROUTE in a worker: takes a statement the way a session takes it, by the same functions, up to the point where it
 * would be sent, and writes down what they say. It counts nothing, opens nothing and decides nothing of its own.
 */
import type { RouteExplanation, RouteQuestion, RouteStep } from '../../runtime/route.ts';
import type { UserEntry } from '../../runtime/snapshot.ts';
import { type MirroredState, mirroredState } from '../backend/mirrored-state.ts';
import { Capability } from '../protocol/capabilities.ts';
import { commandFrame } from '../protocol/command-frame.ts';
import { Command } from '../protocol/commands.ts';
import { errors } from '../protocol/errors.ts';
import { HEADER_BYTES } from '../protocol/framer.ts';
import { type Annotations, annotated, mayAnnotate, parseAnnotations } from '../rules/annotations.ts';
import type { Decision, MatchInput } from '../rules/decision.ts';
import { RuleTimeout } from '../rules/matcher-thread.ts';
import { effectNames } from '../sql/facts.ts';
import { afterRules } from './after-rules.ts';
import type { WorkerContext, WorkerRuntime } from './context.ts';
import { matchInput } from './decide.ts';
import { type DestinationView, hostgroupOf, locksSession, reachOf, refusalOf } from './destination.ts';
import { decisionSteps, RuleSteps, shortened } from './explain-rules.ts';
import { MULTIPLEXING_OFF_PIN, NO_MULTIPLEX_PIN, pinsOf } from './leases.ts';
import { answerLocally, answerLocallyAfterRules } from './local-answers.ts';
import { explainMasking } from './masking/explain-masking.ts';
import { rewrite } from './rewritten.ts';
import { applySet } from './set-statement.ts';
import { draftOf } from './statement.ts';

/** A session that has just logged in holds nothing. */
const NO_LEASES: DestinationView['leases'] & { readonly pinned: boolean } = {
  pinned: false,
  lastHostgroup: -1,
  find: () => undefined,
  inTransaction: () => undefined,
  pinnedBy: () => undefined,
};

const ASSUMED_CLIENT = '127.0.0.1';

/** @param listening where this worker listens, as `host:port` */
export async function explainRoute(
  context: WorkerContext,
  question: RouteQuestion,
  listening: readonly string[],
): Promise<RouteExplanation> {
  const { runtime } = context;
  const user = runtime.frontendUsers.get(question.username);
  if (user === undefined) {
    return { error: `'${question.username}' is no active frontend user of the runtime (runtime_mysql_users)` };
  }
  const steps: RouteStep[] = [];
  const who = sessionOf(runtime, user, question, listening);
  const text = Buffer.from(question.sql, 'utf8');
  const entry = runtime.digests.lookup(text, 0, text.length);
  const comment = runtime.digests.firstComment;
  const original = runtime.digests.factsOf(entry, text, 0, text.length);
  steps.push(
    { step: 'statement', item: 'digest', result: entry.digestHex, detail: shortened(entry.shownText) },
    { step: 'statement', item: 'kind', result: original.kind, detail: effectNames(original.effects).join(', ') },
    { step: 'session', item: 'user', result: user.username, detail: `default_hostgroup ${user.defaultHostgroup}` },
    {
      step: 'session',
      item: 'schema',
      result: who.state.schema,
      detail: question.schema === undefined ? (who.state.schema === '' ? 'none' : 'the default') : '',
    },
    {
      step: 'session',
      item: 'client',
      result: who.client.address,
      detail: `connected to ${who.client.localAddress}:${who.client.localPort}`,
    },
  );
  if (user.fastForward && runtime.masking.of(user.username) === undefined) {
    steps.push({
      step: 'session',
      item: 'fast_forward',
      result: 'yes',
      detail: 'statements go by without a look at them',
    });
    steps.push(...serverSteps(context, user.defaultHostgroup));
    return { steps };
  }
  const view = {
    info: () => ({}),
    user,
    leases: NO_LEASES,
    lockedHostgroup: -1,
    connectionId: 0,
    capabilities: Capability.LOCAL_FILES,
    state: who.state,
    variables: runtime.variables,
    likeProxysql: !runtime.sluice.strict,
    warned: 0,
  };
  const local = answerLocally(view, original, text, 0, text.length);
  if (local !== undefined) {
    steps.push({ step: 'answer', item: 'before the rules', result: local.kind, detail: 'the proxy answers it itself' });
    return { steps };
  }
  const input = matchInput(runtime, entry, who, 0, text.toString('latin1'), true);
  const decided = await decide(context, input, steps);
  if ('error' in decided) return { steps: [...steps, decided.error] };
  const ruled = afterRules(runtime, entry, who, 0, decided.decision);
  const mayAsk = mayAnnotate(user.attributes) ?? runtime.sluice.queryAnnotations;
  const asked = comment === undefined ? undefined : parseAnnotations(comment);
  const decision = asked === undefined || !mayAsk ? ruled : annotated(ruled, asked);
  steps.push(...routingSteps(decided.decision, ruled, asked, mayAsk));

  const draft = draftOf('query', commandFrame(Command.COM_QUERY, text), entry, original, who.state.schema, 0);
  rewrite(draft, decision, runtime.digests, undefined);
  const { frame, facts } = draft;
  const sent = frame.subarray(HEADER_BYTES + 1);
  const hostgroup = hostgroupOf(view, decision, facts);
  steps.push(...decisionSteps(decision, hostgroup, runtime.rules));
  const refused = refusalOf(view, decision, facts);
  if (refused !== undefined) {
    steps.push(
      refused === 'ok'
        ? { step: 'decision', item: 'answer', result: 'OK', detail: decision.okMsg ?? '' }
        : { step: 'decision', item: 'answer', result: `error ${refused.code}`, detail: refused.message },
    );
    return { steps };
  }
  const after =
    facts.kind === 'set' && !facts.multiStatement
      ? answerOfSet(who, sent.toString('utf8'), runtime.sluice.strict)
      : answerLocallyAfterRules(view, draft)?.kind;
  if (after !== undefined) {
    steps.push({ step: 'answer', item: 'after the rules', result: after, detail: 'the proxy answers it itself' });
    return { steps };
  }
  const { username } = user;
  steps.push(...(await explainMasking(context, { username, hostgroup, state: who.state, text: sent })));
  steps.push(...serverSteps(context, hostgroup));
  const pins = pinsOf({ command: 'query', facts, decision }, runtime.variables.multiplexing);
  steps.push(...pinSteps(pins, facts.kind === 'begin'));
  if (
    locksSession(
      runtime.variables,
      view,
      decision,
      facts,
      reachOf({ command: 'query', facts }, () => sent.toString('utf8')),
    )
  ) {
    const detail = 'a SET that cannot be repeated elsewhere: every statement goes to this hostgroup from then on';
    steps.push({ step: 'pin', item: 'locked on hostgroup', result: String(hostgroup), detail });
  }
  return { steps };
}

/** What fast routing, the firewall and the statement's comment add to the rules. */
function routingSteps(
  rules: Decision,
  ruled: Decision,
  asked: Annotations | undefined,
  mayAsk: boolean,
): readonly RouteStep[] {
  const steps: RouteStep[] = [];
  const result = String(ruled.destinationHostgroup);
  if (ruled.destinationHostgroup !== rules.destinationHostgroup) {
    steps.push({ step: 'decision', item: 'fast routing', result, detail: 'mysql_query_rules_fast_routing' });
  }
  if (ruled.firewall !== undefined) {
    const detail = 'the digest is not on the whitelist of this user, address, schema and flagIN';
    steps.push({ step: 'decision', item: 'firewall', result: ruled.firewall, detail });
  }
  if (asked !== undefined) {
    const detail = mayAsk ? JSON.stringify(asked) : 'forbidden by sluice-query_annotations or the user attributes';
    steps.push({ step: 'decision', item: 'comment', result: mayAsk ? 'obeyed' : 'ignored', detail });
  }
  return steps;
}

/** What rules look at of a session that has just logged in. */
function sessionOf(
  runtime: WorkerRuntime,
  user: UserEntry,
  question: RouteQuestion,
  listening: readonly string[],
): Parameters<typeof matchInput>[2] & { readonly state: ReturnType<typeof mirroredState> } {
  const port = question.proxyPort ?? Number(/:(\d+)$/.exec(listening[0] ?? '')?.[1] ?? 0);
  const host = listening.find((address) => address.endsWith(`:${port}`))?.replace(/:\d+$/, '');
  const localAddress = host === undefined || /^(0\.0\.0\.0|\[?::\]?)$/.test(host) ? ASSUMED_CLIENT : host;
  const schema = question.schema ?? (user.defaultSchema || runtime.variables.defaultSchema);
  return {
    user,
    state: mirroredState(schema, undefined),
    client: { address: question.clientAddress ?? ASSUMED_CLIENT, localAddress, localPort: port },
  };
}

/** Adds what the rules say to `steps`. */
async function decide(
  context: WorkerContext,
  input: MatchInput,
  steps: RouteStep[],
): Promise<{ readonly decision: Decision } | { readonly error: RouteStep }> {
  const { runtime, matcher } = context;
  const told = new RuleSteps(runtime.rules.problems);
  const decision = runtime.rules.tryDecide(input, undefined, told);
  if (decision !== undefined) {
    steps.push(...told.finish());
    return { decision };
  }
  const culprit = runtime.rules.currentRuleId;
  steps.push(...told.cutOff(culprit));
  try {
    return { decision: await matcher.decide(input, runtime.rulesGeneration) };
  } catch (error) {
    const rule = error instanceof RuleTimeout ? ` (rule ${error.ruleId})` : '';
    const { code, message } = errors.notAllowed(`Query refused: the query rules could not be evaluated in time${rule}`);
    return { error: { step: 'decision', item: 'answer', result: `error ${code}`, detail: message } };
  }
}

/** How the proxy answers a SET it mirrors; undefined for one that goes to a server, or of which one is asked. */
function answerOfSet(who: { readonly state: MirroredState }, text: string, strict: boolean): string | undefined {
  const outcome = applySet(who.state, text, strict);
  if (outcome.kind === 'forward' || (outcome.kind === 'mirrored' && !outcome.certain)) return undefined;
  return outcome.kind === 'refused' ? `error ${outcome.error.code}` : 'ok';
}

function serverSteps(context: WorkerContext, hostgroup: number): readonly RouteStep[] {
  const servers = context.hostgroups.outlook(hostgroup);
  const total = servers.reduce((sum, server) => sum + (server.eligible ? server.weight : 0), 0);
  if (total === 0) {
    const detail = `statements wait for mysql-connect_timeout_server_max (${context.runtime.variables.connectTimeoutServerMax} ms), then fail with 9001`;
    return [{ step: 'server', item: 'none', result: '0 %', detail }, ...servers.map((server) => serverStep(server, 0))];
  }
  return servers.map((server) => serverStep(server, total));
}

function serverStep(
  {
    name,
    status,
    weight,
    eligible,
    maxReplicationLagS,
    used,
    maxConnections,
  }: ReturnType<WorkerContext['hostgroups']['outlook']>[number],
  total: number,
): RouteStep {
  const share = eligible && total > 0 ? (100 * weight) / total : 0;
  const lag = maxReplicationLagS > 0 ? `, max_replication_lag ${maxReplicationLagS} s` : '';
  const full = used >= maxConnections ? ', full' : '';
  return {
    step: 'server',
    item: name,
    result: `${share.toFixed(1).replace(/\.0$/, '')} %`,
    detail: `${status}, weight ${weight}, ${used} of ${maxConnections} connections in use${full}${lag}`,
  };
}

function pinSteps(pins: number, beginsTransaction: boolean): readonly RouteStep[] {
  const names = effectNames(pins);
  if ((pins & NO_MULTIPLEX_PIN) !== 0) names.push('multiplex=0 of a rule');
  if ((pins & MULTIPLEXING_OFF_PIN) !== 0) names.push('mysql-multiplexing is off');
  const steps = names.map((item): RouteStep => {
    const detail = 'the connection stays with the session until it ends, and is reset before others get it';
    return { step: 'pin', item, result: 'pinned', detail };
  });
  if (beginsTransaction) {
    steps.push({ step: 'pin', item: 'transaction', result: 'held', detail: 'until COMMIT or ROLLBACK' });
  }
  if (steps.length > 0) return steps;
  return [
    { step: 'pin', item: 'none', result: 'shared', detail: 'the connection goes back to the pool after the answer' },
  ];
}
