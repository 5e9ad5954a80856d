import type { RestAnswer } from './answer.ts';
import { type Problem, problemHeaders, writeProblem } from './problem.ts';
import { type Asked, writeQuestions } from './question.ts';
import type { RestRequest } from './request.ts';

/** An answer as it is written. */
export interface Written {
  readonly kind: RestAnswer['kind'];
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** How the answers of one request are written. */
export interface AnswerForm {
  readonly asked: Asked;
  /** Says more of a problem once it is there: which names there are, which arguments fit. */
  readonly explain?: ((problem: Problem) => Promise<Problem>) | undefined;
  /** May turn a result into a problem. */
  readonly review?: ((answer: RestAnswer) => Promise<RestAnswer>) | undefined;
}

/** Writes an answer. Never rejects: what cannot be explained stays as it is. */
export async function writeAnswer(request: RestRequest, given: RestAnswer, form: AnswerForm): Promise<Written> {
  const answer = (await form.review?.(given).catch(() => undefined)) ?? given;
  switch (answer.kind) {
    case 'result': {
      const { bytes, start, end } = answer.result;
      return { kind: 'result', status: 200, headers: {}, body: bytes.subarray(start, end) };
    }
    case 'input':
      return {
        kind: 'input',
        status: 200,
        headers: {},
        body: writeQuestions(answer.requests, answer.state, form.asked),
      };
    case 'problem': {
      const problem = (await form.explain?.(answer.problem).catch(() => undefined)) ?? answer.problem;
      return writtenProblem(request, problem);
    }
  }
}

/** A problem as it is written. */
export function writtenProblem(request: RestRequest, problem: Problem): Written {
  const { status } = problem;
  const body = writeProblem(request, request.rest.base, problem);
  return { kind: 'problem', status, headers: problemHeaders(status), body };
}
