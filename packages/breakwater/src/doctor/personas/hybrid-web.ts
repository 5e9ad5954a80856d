import { callSafely, list, listedTools, shakeHands } from '../flows.ts';
import type { Persona } from '../persona.ts';
import { lessonOf } from '../teaching.ts';

const PAGES = ['/', '/llms.txt', '/tasks/26', '/api/tasks/26', '/api/task/26'];

/** C20: uses tools and guesses web pages. */
export const hybridWeb: Persona = {
  id: 'hybrid-web',
  title: 'node, tools and guessed pages',
  group: 'later',
  who: 'An agent that calls tools and, with what they say, guesses web and API addresses on the same host.',
  evidence: 'field notes C20, access log; §A.4.15',
  fix: 'Answer guessed paths with JSON that says where to go, so that it stops guessing.',
  agent: 'node',
  script: async (wire) => {
    const { send } = await shakeHands(wire, '2025-06-18');
    const listed = await list(wire, send);
    const called = await callSafely(wire, listed, send);
    for (const path of PAGES) {
      const page = await wire.get(path);
      const useful = page.ok || lessonOf(page, wire.target, {}) !== undefined;
      wire.remark(useful, `GET ${path} was answered ${page.describe()}: it goes on guessing.`);
    }
    return wire.gotIn(listedTools(listed, called === undefined ? '' : 'A tool was called; '), called ?? listed);
  },
};
