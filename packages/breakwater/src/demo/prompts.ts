import { completable, type McpServer } from '@modelcontextprotocol/server';
import * as z from 'zod';

const GREETINGS = new Map([
  ['english', 'Ahoy'],
  ['french', 'Bonjour'],
  ['german', 'Moin'],
  ['italian', 'Ciao'],
  ['spanish', 'Hola'],
]);

function completeLanguage(value: string): string[] {
  return [...GREETINGS.keys()].filter((language) => language.startsWith(value));
}

/** Registers the prompt `greet`, whose argument `language` can be completed. */
export function registerPrompts(server: McpServer): void {
  server.registerPrompt(
    'greet',
    {
      title: 'Greet someone',
      description: 'Asks the model to greet somebody in a language.',
      argsSchema: z.object({
        name: z.string().describe('Who is greeted'),
        language: completable(z.string().describe('The language; English if left out'), completeLanguage).optional(),
      }),
    },
    ({ name, language = 'english' }) => {
      const greeting = GREETINGS.get(language);
      const start = greeting ? ` Start with "${greeting}".` : '';
      return {
        description: `A greeting for ${name}`,
        messages: [{ role: 'user', content: { type: 'text', text: `Greet ${name} warmly in ${language}.${start}` } }],
      };
    },
  );
}
