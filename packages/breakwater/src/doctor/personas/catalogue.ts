import type { Persona } from '../persona.ts';
import { aeJs } from './ae-js.ts';
import { agenstry } from './agenstry.ts';
import { agentSeo } from './agent-seo.ts';
import { agentToolsCloud } from './agent-tools-cloud.ts';
import { agentsCensusBot } from './agents-census-bot.ts';
import { aisecRegistry } from './aisec-registry.ts';
import { aiveCensus } from './aive-census.ts';
import { azureSse } from './azure-sse.ts';
import { batchBomb } from './batch-bomb.ts';
import { bulkRunner } from './bulk-runner.ts';
import { bundleFetcher } from './bundle-fetcher.ts';
import { cardReader } from './card-reader.ts';
import { catalogBot } from './catalog-bot.ts';
import { censusProbe } from './census-probe.ts';
import { chiark } from './chiark.ts';
import { codexHuman } from './codex-human.ts';
import { crawlers } from './crawlers.ts';
import { cronPuller } from './cron-puller.ts';
import { deepJson } from './deep-json.ts';
import { dnsRebinding } from './dns-rebinding.ts';
import { duplicateHeaders } from './duplicate-headers.ts';
import { economicAgents } from './economic-agents.ts';
import { edgeFanOut } from './edge-fan-out.ts';
import { emptyAgent } from './empty-agent.ts';
import { eventNode } from './event-node.ts';
import { foreignOrigin } from './foreign-origin.ts';
import { fullLifecycle } from './full-lifecycle.ts';
import { headerBomb } from './header-bomb.ts';
import { healthCheckers } from './health-checkers.ts';
import { hugeBody } from './huge-body.ts';
import { hybridWeb } from './hybrid-web.ts';
import { internetCensus } from './internet-census.ts';
import { manifestCurl } from './manifest-curl.ts';
import { mcpSpider } from './mcp-spider.ts';
import { mitmcp } from './mitmcp.ts';
import { noContentType } from './no-content-type.ts';
import { oabpPython } from './oabp-python.ts';
import { oauthFirst } from './oauth-first.ts';
import { oneShot } from './one-shot.ts';
import { openapiAgent } from './openapi-agent.ts';
import { pathDiscovery } from './path-discovery.ts';
import { pipeliner } from './pipeliner.ts';
import { preflightSwitch } from './preflight-switch.ts';
import { prsmGraph } from './prsm-graph.ts';
import { queryProfile } from './query-profile.ts';
import { regionalFleet } from './regional-fleet.ts';
import { relayRegistry } from './relay-registry.ts';
import { retryNode } from './retry-node.ts';
import { rugpullResearch } from './rugpull-research.ts';
import { sasameAudit } from './sasame-audit.ts';
import { scoringEngine } from './scoring-engine.ts';
import { secretScanner } from './secret-scanner.ts';
import { skillsIndex } from './skills-index.ts';
import { slowReader } from './slow-reader.ts';
import { smolagents } from './smolagents.ts';
import { spec20241105 } from './spec-2024-11-05.ts';
import { spec20250326 } from './spec-2025-03-26.ts';
import { spec20250618 } from './spec-2025-06-18.ts';
import { spec20251125 } from './spec-2025-11-25.ts';
import { spec20260728 } from './spec-2026-07-28.ts';
import { staleIds } from './stale-ids.ts';
import { staleSse } from './stale-sse.ts';
import { twentyLines } from './twenty-lines.ts';
import { vesta } from './vesta.ts';
import { waggle } from './waggle.ts';
import { wmcpGrader } from './wmcp-grader.ts';
import { wrongAudience } from './wrong-audience.ts';

/** Every persona, in the order of the report. A new one is a file of its own and a line here. */
export const PERSONAS: readonly Persona[] = [
  smolagents,
  aeJs,
  retryNode,
  staleSse,
  fullLifecycle,
  pathDiscovery,
  preflightSwitch,
  noContentType,
  oauthFirst,
  edgeFanOut,
  chiark,
  catalogBot,
  vesta,
  relayRegistry,
  agenstry,
  queryProfile,
  bulkRunner,
  censusProbe,
  cronPuller,
  hybridWeb,
  rugpullResearch,
  regionalFleet,
  azureSse,
  eventNode,
  oneShot,
  agentSeo,
  mcpSpider,
  agentToolsCloud,
  aisecRegistry,
  mitmcp,
  skillsIndex,
  internetCensus,
  waggle,
  emptyAgent,
  manifestCurl,
  bundleFetcher,
  codexHuman,
  economicAgents,
  crawlers,
  twentyLines,
  oabpPython,
  wmcpGrader,
  aiveCensus,
  sasameAudit,
  prsmGraph,
  scoringEngine,
  healthCheckers,
  agentsCensusBot,
  openapiAgent,
  cardReader,
  spec20241105,
  spec20250326,
  spec20250618,
  spec20251125,
  spec20260728,
  slowReader,
  headerBomb,
  staleIds,
  foreignOrigin,
  dnsRebinding,
  duplicateHeaders,
  hugeBody,
  batchBomb,
  deepJson,
  pipeliner,
  secretScanner,
  wrongAudience,
];
