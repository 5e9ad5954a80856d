import type { AuditStatus } from './audit.ts';
import { renderCounter, renderGauge } from './series.ts';

/** The metrics that only a gateway with an audit log has, in the text format of Prometheus. */
export function renderAudit({ up, seq, pendingBytes, dropped }: AuditStatus): string {
  const gauge = (name: string, help: string, value: number): string => renderGauge(name, help, [{ value }]);
  return [
    gauge('mcpgw_audit_up', 'Whether the audit log can be written.', up ? 1 : 0),
    gauge('mcpgw_audit_seq', 'Number of the next record of the audit log.', seq),
    gauge('mcpgw_audit_pending_bytes', 'Records of the audit log that are not in its file yet.', pendingBytes),
    renderCounter('mcpgw_audit_dropped_total', 'Records of the audit log that found no room.', [{ value: dropped }]),
  ].join('');
}
