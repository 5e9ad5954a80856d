import { randomBytes } from 'node:crypto';
import { join, parse } from 'node:path';
import { systemClock } from './clock.ts';
import type { ResolvedConfig } from './config/secrets.ts';
import type { GatewayEvent } from './core/events.ts';
import type { AuditLog } from './telemetry/audit.ts';
import type { AuditedConfig } from './telemetry/audit-settings.ts';
import { VERSION } from './version.ts';

/** Opens the audit log that the configuration asks for, if it does. Rejects when it cannot be kept: then nothing should be served. */
export async function openAuditLog(
  { audit }: ResolvedConfig,
  onEvent: (event: GatewayEvent) => void,
  worker?: number,
): Promise<AuditLog | undefined> {
  if (audit === undefined) return undefined;
  const { openAudit } = await import('./telemetry/audit.ts');
  return await openAudit(worker === undefined ? audit : { ...audit, file: fileOfWorker(audit.file, worker) }, {
    clock: systemClock,
    instance: randomBytes(9).toString('base64url'),
    version: VERSION,
    notice: (level, message, detail) => onEvent({ type: 'notice', level, message, detail }),
  });
}

/** Each worker has a file of its own: a chain has one writer. `log/audit.ndjson` becomes `log/audit.worker-2.ndjson`. */
function fileOfWorker(file: string, worker: number): string {
  const { dir, name, ext } = parse(file);
  return join(dir, `${name}.worker-${worker}${ext}`);
}

/** What the audit log is told of a configuration. Its texts hold secrets: only their keyed digests are written. */
export function describeForAudit(config: ResolvedConfig): AuditedConfig {
  return {
    text: JSON.stringify(config),
    routes: config.routes.map(({ path }) => path),
    upstreams: Object.fromEntries(Object.entries(config.upstreams).map(([name, each]) => [name, JSON.stringify(each)])),
  };
}
