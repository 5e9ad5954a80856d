import { type DestinationStream, type Logger, pino } from 'pino';
import type { GatewayEvent } from '../core/events.ts';

/** How the log is written. */
export interface LogOptions {
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';
  /** `json`: one object a line. `pretty`: one readable line, for a terminal. */
  readonly format: 'json' | 'pretty';
}

/** Makes the program's logger. It writes to stderr: stdout belongs to what the program prints for its user. */
export function createLog(options: LogOptions): Logger {
  const settings = {
    level: options.level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { error: pino.stdSerializers.err, cause: pino.stdSerializers.err },
  };
  const stderr = pino.destination({ fd: 2, sync: true });
  return pino(settings, options.format === 'json' ? stderr : prettyStream(stderr));
}

const LEVELS: Readonly<Record<number, string>> = {
  10: 'trace',
  20: 'debug',
  30: 'info',
  40: 'WARN',
  50: 'ERROR',
  60: 'FATAL',
};

// The text comes from callers and upstreams: control characters would let them write over the operator's terminal.
function escapeControl(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

function prettyStream(out: DestinationStream): DestinationStream {
  return {
    write(line: string): void {
      const { level, time, msg, error, cause, ...rest } = JSON.parse(line) as Record<string, unknown>;
      const fields = Object.entries(rest).map(
        ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
      );
      for (const fault of [error, cause]) {
        if (typeof fault === 'object' && fault !== null && 'message' in fault)
          fields.push(`cause=${JSON.stringify(fault.message)}`);
        else if (fault !== undefined) fields.push(`cause=${JSON.stringify(fault)}`);
      }
      const clock = String(time).slice(11, 19);
      const text = [clock, LEVELS[Number(level)] ?? String(level), String(msg), ...fields].join(' ');
      out.write(`${escapeControl(text)}\n`);
    },
  };
}

/** Writes the events an operator reads: notices at their level, finished exchanges and opened resources at debug. */
export function logEvent(log: Logger, event: GatewayEvent): void {
  switch (event.type) {
    case 'notice':
      log[event.level](event.detail ?? {}, event.message);
      break;
    case 'exchange':
      if (log.isLevelEnabled('debug')) log.debug(event.record, 'exchange');
      break;
    case 'open':
    case 'close':
      if (log.isLevelEnabled('debug')) {
        const { type, ...fields } = event;
        log.debug(fields, type);
      }
      break;
    case 'refusal':
      if (log.isLevelEnabled('debug')) {
        const { code, route, address } = event;
        log.debug({ code, route, address }, 'refused');
      }
      break;
    case 'passed-on':
      if (log.isLevelEnabled('debug')) log.debug({ outcome: event.outcome }, 'passed on to another node');
      break;
    case 'accommodation':
    case 'upstream-request':
    case 'stream-adopted':
    case 'call-adopted':
    case 'node-lost':
    case 'store-failure':
      break;
  }
}
