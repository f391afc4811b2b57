/**
 * Questions to the client (MCP 2026-07-28, multi round-trip requests). The answer to a request contains the questions, the
 * next request contains the client's answers, and the handler runs again from its start.
 */
import type { Caller } from '../../identity/caller.js';
import { declares, isAnswer, requireDeclared } from '../calls/client-questions.js';
import { type Call, InputRequired, type Params, type Result } from '../calls/call.js';
import { RefusedRequest } from '../../refusal.js';
import { type AskRequest, MissingCapability, ToolError } from '../definitions/tool.js';
import { hasAnswerShape } from './engine.js';
import { type Answered, digest, purposeOf, type RequestStates, type Round } from './request-state.js';

export interface MultiRoundRequest {
  readonly caller: Caller;
  readonly method: string;
  /** As received: with the state and the answers. */
  readonly params: Params;
  /** What the client declared with this request. */
  readonly capabilities: Params;
}

/** The only methods whose answer may be a question (multi round-trip requests, supported requests). */
const MAY_ASK: ReadonlySet<string> = new Set(['tools/call', 'prompts/get', 'resources/read']);

/**
 * Runs a handler. If it asked a question, the result contains that question, even if the handler swallowed the exception.
 *
 * @throws {RpcError} `-32602` for a request state that is not ours, not this caller's, not this request's, or used
 * @throws {RefusedRequest} {MissingCapability} and, without an open question, whatever the handler throws
 */
export async function runMultiRound(
  states: RequestStates,
  { caller, method, params, capabilities }: MultiRoundRequest,
  run: (way: Pick<Call, 'canAsk' | 'ask' | 'given'>) => Promise<Result> | Result,
): Promise<Result> {
  const mayAsk = MAY_ASK.has(method);
  const purpose = () => purposeOf(caller, method, params);
  const state = mayAsk ? params['requestState'] : undefined;
  const round = state === undefined ? undefined : await states.open(purpose(), state);
  const answers = collectAnswers(round, params['inputResponses']);
  const used = new Map<string, Answered>();
  const unanswered = new Map<string, AskRequest>();
  const askedAgain = [...(round?.askedAgain ?? [])];
  const canAsk: Call['canAsk'] = (kind, mode) => mayAsk && declares(capabilities, kind, mode);
  const ask = async (key: string, request: AskRequest) => {
    if (!mayAsk) throw new TypeError(`nothing can be asked in ${method}`);
    requireDeclared(capabilities, request);
    const given = answers.get(key);
    // Ask again if the question has changed. After an invalid answer, ask again only once.
    if (given?.question === digest(request)) {
      if (isAnswer(request, given.answer, hasAnswerShape)) {
        used.set(key, given);
        return given.answer;
      }
      if (round?.askedAgain.includes(key)) throw new ToolError('The answer of the client is not valid');
      askedAgain.push(key);
    }
    unanswered.set(key, request);
    throw new InputRequired();
  };

  const given = (key: string, request: AskRequest) => {
    const known = used.get(key);
    return known?.question === digest(request) ? known.answer : undefined;
  };

  // The answers may trigger effects, which a replay of the same state must not repeat.
  if (round) await states.begin(round);
  try {
    const result = await run({ canAsk, ask, given });
    if (unanswered.size === 0) return result;
  } catch (error) {
    const mustRefuse = error instanceof MissingCapability || error instanceof RefusedRequest;
    if (round && mustRefuse) await states.giveBack(round); // refused before any effect
    if (mustRefuse || unanswered.size === 0) throw error;
  }
  if (round) await states.giveBack(round); // no effect precedes a question
  const requestState = await states.seal(purpose(), {
    asked: Object.fromEntries([...unanswered].map(([key, request]) => [key, digest(request)])),
    answered: Object.fromEntries(used),
    askedAgain,
  });
  return { resultType: 'input_required', inputRequests: Object.fromEntries(unanswered), requestState };
}

/** Only answers to questions in the state count: without a state we have asked nothing. */
function collectAnswers(round: Round | undefined, responses: unknown): ReadonlyMap<string, Answered> {
  if (!round) return new Map();
  const answers = new Map(Object.entries(round.answered));
  if (typeof responses !== 'object' || responses === null) return answers;
  for (const [key, question] of Object.entries(round.asked)) {
    if (Object.hasOwn(responses, key)) answers.set(key, { question, answer: (responses as Params)[key] });
  }
  return answers;
}
