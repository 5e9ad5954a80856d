import { isMap, isNode, isScalar, isSeq, LineCounter, type Node, parseDocument, visit } from 'yaml';
import type { ConfigIssue, Path, Position } from './issue.ts';

/** A text read into a plain value, with the way back from a path in the value to a place in the text. */
export interface Source {
  readonly value: unknown;
  /** Where the last key (or list item) of the path stands; the nearest thing around it when it stands nowhere. */
  locate(path: Path): Position;
}

/** Reads YAML, or JSON with comments and trailing commas. Never throws: what cannot be read is an issue with a place. */
export function readSource(
  text: string,
): { readonly ok: true; readonly source: Source } | { readonly ok: false; readonly issues: ConfigIssue[] } {
  const lines = new LineCounter();
  const clean = text.startsWith('\uFEFF') ? ` ${text.slice(1)}` : text;
  const document = parseDocument(isJsonLike(clean) ? blankComments(clean) : clean, {
    lineCounter: lines,
    prettyErrors: false,
    stringKeys: true,
  });
  // A warning is a tag nobody knows: the value under it would lose the meaning its author gave it.
  const issues = [...document.errors, ...document.warnings].map(({ message, pos }) => ({
    message: withoutExcerpt(message),
    path: [],
    ...positionAt(lines, pos[0]),
  }));
  visit(document, {
    Pair: (_, { key }) => {
      // Assigning to `__proto__` swaps an object's prototype instead of setting a key: an attack, never a setting.
      if (isScalar(key) && key.value === '__proto__') {
        issues.push({
          message: 'the key "__proto__" is not allowed',
          path: [],
          ...positionAt(lines, key.range?.[0] ?? 0),
        });
      }
    },
  });
  if (issues.length > 0) return { ok: false, issues };
  const root = document.contents;
  try {
    return { ok: true, source: { value: document.toJS(), locate: (path) => locate(root, path, lines) } };
  } catch (error) {
    // toJS throws for aliases that multiply beyond measure ("billion laughs").
    return {
      ok: false,
      issues: [{ message: error instanceof Error ? error.message : String(error), path: [], line: 1, column: 1 }],
    };
  }
}

/** The parser's words without the text it stumbled over, which may be a secret. */
function withoutExcerpt(message: string): string {
  return message.replace(/\n[\s\S]*/, '').replace(/: "[\s\S]{3,}"$/, '');
}

function positionAt(lines: LineCounter, offset: number): Position {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(1, line), column: Math.max(1, col) };
}

function locate(root: Node | null, path: Path, lines: LineCounter): Position {
  let node: unknown = root;
  let offset = root?.range?.[0] ?? 0;
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && key.value === String(step));
      if (pair === undefined || !isScalar(pair.key)) break;
      offset = pair.key.range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(step)];
      if (!isNode(node)) break;
      offset = node.range?.[0] ?? offset;
    } else break;
  }
  return positionAt(lines, offset);
}

/** Whether a text is a JSON object, comments before it allowed. */
export function isJsonLike(text: string): boolean {
  return /^(\s|\/\/.*|\/\*[\s\S]*?\*\/)*\{/.test(text);
}

/** Puts spaces in place of comments and of tabs between tokens, so that every character keeps its line and column. */
export function blankComments(text: string): string {
  return text.replace(/"(?:[^"\\\n]|\\.)*"|\/\/[^\n]*|\/\*[\s\S]*?\*\/|\t/g, (token) =>
    token.startsWith('"') ? token : token.replace(/[^\n\r]/g, ' '),
  );
}
