import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { MOST_LINE_CHARS, type RecordedExchange, readRecordLine } from './record.ts';

/** Exchanges, and characters of them, that one replay plays. */
const MOST_EXCHANGES = 100_000;
const MOST_CHARS = 256 * 1_048_576;

/** Reads a recording; throws an error with the line's number where it is none. */
export async function readRecording(path: string): Promise<RecordedExchange[]> {
  const exchanges: RecordedExchange[] = [];
  const input = createReadStream(path, { encoding: 'utf8' });
  let number = 0;
  let size = 0;
  // A line without end must not grow until memory is gone.
  let sinceBreak = 0;
  input.on('data', (chunk) => {
    const text = String(chunk);
    const at = text.lastIndexOf('\n');
    sinceBreak = at < 0 ? sinceBreak + text.length : text.length - at;
    if (sinceBreak > MOST_LINE_CHARS) input.destroy(new Error(`a line is longer than ${MOST_LINE_CHARS} characters`));
  });
  const failed = new Promise<never>((_, reject) => input.once('error', reject));
  failed.catch(() => undefined); // Awaited below as well; a late one is nobody's.
  const read = async (): Promise<RecordedExchange[]> => {
    for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      number += 1;
      if (line.trim() === '') continue;
      const result = readRecordLine(line);
      if (!result.ok) throw new Error(`line ${number} ${result.why}`);
      size += line.length;
      exchanges.push(result.exchange);
      if (exchanges.length > MOST_EXCHANGES || size > MOST_CHARS)
        throw new Error(`is more than one replay plays (${MOST_EXCHANGES} exchanges, ${MOST_CHARS} characters)`);
    }
    return exchanges;
  };
  try {
    return await Promise.race([read(), failed]);
  } finally {
    input.destroy();
  }
}
