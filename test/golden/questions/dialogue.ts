import { type RawObject, scanObject } from '../../../packages/breakwater/src/jsonrpc/raw.ts';
import type { Answer } from '../../../packages/breakwater/src/protocol/bridge/questions/answer.ts';
import { bridgeAnswer } from '../../../packages/breakwater/src/protocol/bridge/questions/answer-form.ts';
import type { Ending } from '../../../packages/breakwater/src/protocol/bridge/questions/ending.ts';
import { stepForward } from '../../../packages/breakwater/src/protocol/bridge/questions/forward.ts';
import {
  type ForwardEffect,
  type ForwardEvent,
  startForward,
} from '../../../packages/breakwater/src/protocol/bridge/questions/forward-state.ts';
import { stepPark } from '../../../packages/breakwater/src/protocol/bridge/questions/park.ts';
import {
  type ParkEffect,
  type ParkEvent,
  startPark,
} from '../../../packages/breakwater/src/protocol/bridge/questions/park-state.ts';
import { bridgeQuestion } from '../../../packages/breakwater/src/protocol/bridge/questions/question-form.ts';
import type { CapabilityProfile } from '../../../packages/breakwater/src/protocol/capabilities.ts';
import { isRevision, type Revision } from '../../../packages/breakwater/src/protocol/revision.ts';
import { checkAnswer, checkInputRequests, checkQuestion } from './schemas.ts';

/** What the header line of a dialogue says. */
export type Header = Readonly<Record<string, string>> & { readonly what: string };

/** One side of a dialogue: takes an event line, gives the effect lines. */
export type Speaker = (line: string) => readonly string[];

/** The machine a header names. */
export function openDialogue(header: Header): Speaker {
  const machine = MACHINES[header.what];
  if (machine === undefined) throw new TypeError(`No machine called ${header.what}`);
  return machine(header);
}

const MACHINES: Readonly<Record<string, (header: Header) => Speaker>> = {
  forward({ method = '', client, profile = '', rounds = '20', waitMs = '600000' }) {
    const revision = readRevision(client);
    const limits = { rounds: Number(rounds), waitMs: Number(waitMs) };
    let state = startForward({ method, client: { revision, profile: readProfile(profile) }, limits, idPrefix: 'e' });
    return (line) => {
      const step = stepForward(state, readForwardEvent(line));
      state = step.state;
      return [...step.effects.map((effect) => showForward(effect, revision)), `= ${state.phase}`];
    };
  },
  park({ method = '', server, profile = '' }) {
    const revision = readRevision(server);
    let state = startPark({ method, client: { profile: readProfile(profile) }, server: { revision } });
    return (line) => {
      const step = stepPark(state, readParkEvent(line));
      state = step.state;
      return [...step.effects.map(showPark), `= ${state.phase}`];
    };
  },
  question({ from, to, profile = '' }) {
    return (line) => {
      const [method = '', params] = cut(line);
      const legs = { from: readRevision(from), to: readRevision(to), elicitationId: 'e-1' };
      const bridged = bridgeQuestion({ method, params: scan(params), ...legs, profile: readProfile(profile) });
      if (!bridged.ok) return [`answer ${showAnswer(bridged.answer)}`];
      checkQuestion(legs.to, method, bridged.params);
      return [`ask ${bridged.method} ${bridged.params}`];
    };
  },
  answer({ from, to }) {
    return (line) => {
      const [method = '', text] = cut(line);
      const answer = bridgeAnswer({ method, answer: readAnswer(text), from: readRevision(from), to: readRevision(to) });
      if ('result' in answer) checkAnswer(readRevision(to), method, answer.result);
      return [showAnswer(answer)];
    };
  },
};

function readForwardEvent(line: string): ForwardEvent {
  const [type = '', rest] = cut(line);
  switch (type) {
    case 'input-required':
      return { type, result: mustScan(rest) };
    case 'answered': {
      const [key = '', answer] = cut(rest);
      return { type, key, answer: readAnswer(answer) };
    }
    case 'unreachable':
      return rest === '' ? { type } : { type, key: rest };
    case 'retry-due':
    case 'expired':
    case 'cancelled':
    case 'finished':
      return { type };
    default:
      throw new TypeError(`No event called ${type}`);
  }
}

function readParkEvent(line: string): ParkEvent {
  const [type = '', rest] = cut(line);
  switch (type) {
    case 'question': {
      const [id = '', question] = cut(rest);
      const [method = '', params] = cut(question);
      return { type, id, method, params: scan(params) };
    }
    case 'retry': {
      const [round = '', responses] = cut(rest);
      return { type, round: Number(round), responses: scan(responses) };
    }
    case 'outcome':
      return rest === '' ? { type } : { type, error: Buffer.from(rest) };
    case 'withdrawn':
      return { type, id: rest };
    case 'page-complete':
      return { type, elicitationId: rest };
    case 'window-closed':
    case 'wait-over':
    case 'reader-closed':
    case 'refused':
    case 'expired':
      return { type };
    default:
      throw new TypeError(`No event called ${type}`);
  }
}

function showForward(effect: ForwardEffect, revision: Revision): string {
  switch (effect.type) {
    case 'ask':
      checkQuestion(revision, effect.method, effect.params);
      return `ask ${effect.key} ${effect.method} ${effect.params}`;
    case 'withdraw':
      return `withdraw ${effect.key}`;
    case 'wait':
      return `wait ${effect.delayMs}`;
    case 'retry':
      return `retry inputResponses=${effect.inputResponses} requestState=${effect.requestState}`;
    case 'notify':
      return `notify ${effect.method} ${effect.params}`;
    case 'finish':
      return `finish ${showEnding(effect.outcome)}`;
  }
}

function showPark(effect: ParkEffect): string {
  switch (effect.type) {
    case 'suspend':
      checkInputRequests(effect.inputRequests);
      return `suspend ${effect.round} ${effect.inputRequests}`;
    case 'answer':
      return `answer ${effect.id} ${showAnswer(effect.answer)}`;
    case 'give-up':
      return `give-up ${showEnding(effect.outcome)}`;
    case 'cancel-call':
      return `cancel-call ${effect.reason}`;
    case 'wait':
      return `wait ${effect.delayMs}`;
    case 'open-window':
    case 'attach':
    case 'deliver':
    case 'reissue':
      return effect.type;
  }
}

function showEnding(ending: Ending): string {
  return ending.kind === 'result' ? `result ${ending.result}` : `error ${JSON.stringify(ending.error)}`;
}

function showAnswer(answer: Answer): string {
  return 'result' in answer ? `result ${answer.result}` : `error ${JSON.stringify(answer.error)}`;
}

function readAnswer(text: string): Answer {
  const [kind, value] = cut(text);
  if (kind === 'result') return { result: Buffer.from(value) };
  const { code, message } = JSON.parse(value) as { code: number; message: string };
  return { error: { code, message } };
}

// The letters of `profileKey`.
function readProfile(letters: string): CapabilityProfile {
  return {
    elicitForm: letters.includes('f'),
    elicitUrl: letters.includes('u'),
    sampling: letters.includes('s'),
    samplingTools: letters.includes('t'),
    samplingContext: letters.includes('c'),
    roots: letters.includes('r'),
  };
}

function readRevision(text: string | undefined): Revision {
  if (!isRevision(text)) throw new TypeError(`Not a revision: ${text}`);
  return text;
}

function scan(text: string): RawObject | undefined {
  return text === '' ? undefined : mustScan(text);
}

function mustScan(text: string): RawObject {
  const object = scanObject(Buffer.from(text));
  if (object === undefined) throw new TypeError(`Not an object: ${text}`);
  return object;
}

function cut(line: string): readonly [string, string] {
  const at = line.indexOf(' ');
  return at < 0 ? [line, ''] : [line.slice(0, at), line.slice(at + 1)];
}
