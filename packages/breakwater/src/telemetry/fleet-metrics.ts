import type { FleetCounts } from './counters.ts';
import { renderCounter, renderGauge } from './series.ts';

/** How a node stands in its fleet, and what it counted there. */
export interface FleetReading extends FleetCounts {
  readonly isStoreUp: boolean;
  /** Nodes that are there, this one included. */
  readonly nodes: number;
  readonly leases: number;
  readonly lent: number;
}

/** The metrics that only a node of a fleet has, in the text format of Prometheus. */
export function renderFleet(reading: FleetReading): string {
  const gauge = (name: string, help: string, value: number): string => renderGauge(name, help, [{ value }]);
  const counter = (name: string, help: string, value: number): string => renderCounter(name, help, [{ value }]);
  return [
    gauge('mcpgw_store_up', 'Whether the store can be reached.', reading.isStoreUp ? 1 : 0),
    counter('mcpgw_store_failures_total', 'Operations that the store did not do in time.', reading.storeFailures),
    gauge('mcpgw_fleet_nodes', 'Nodes of the fleet that are there, this one included.', reading.nodes),
    counter('mcpgw_fleet_nodes_lost_total', 'Nodes that went without saying so.', reading.nodesLost),
    gauge('mcpgw_fleet_leases_held', 'Leases of this node on what exists once.', reading.leases),
    gauge('mcpgw_fleet_handles_lent', 'Handles of this node that other nodes use.', reading.lent),
    renderCounter(
      'mcpgw_fleet_requests_passed_on_total',
      'Requests passed on to the node that can go on with them.',
      Object.entries(reading.passedOn).map(([outcome, value]) => ({ labels: { outcome }, value })),
    ),
    counter('mcpgw_fleet_sessions_loaded_total', 'Sessions taken in from the store.', reading.sessionsLoaded),
    counter('mcpgw_fleet_streams_adopted_total', 'Streams of lost nodes that ended here.', reading.streamsAdopted),
    counter('mcpgw_fleet_calls_adopted_total', 'Calls of lost nodes that went on here.', reading.callsAdopted),
  ].join('');
}
