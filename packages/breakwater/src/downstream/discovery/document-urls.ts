/** Where the documents of the site at this address are, for the documents and pages that name each other. */
export function documentUrls(base: string) {
  return {
    page: `${base}/`,
    agentCard: `${base}/.well-known/agent-card.json`,
    mcp: `${base}/.well-known/mcp.json`,
    serverCard: `${base}/.well-known/mcp/server-card.json`,
    catalog: `${base}/.well-known/mcp/catalog.json`,
    llms: `${base}/llms.txt`,
    agents: `${base}/agents.txt`,
  };
}

/** Link header values that lead a crawler from any answer to the documents (RFC 8288). */
export function discoveryLinks(base: string): string {
  const { agentCard, mcp, catalog, llms } = documentUrls(base);
  return [
    `<${mcp}>; rel="service-desc"; type="application/json"`,
    `<${agentCard}>; rel="describedby"; type="application/json"`,
    `<${catalog}>; rel="index"; type="application/json"`,
    `<${llms}>; rel="alternate"; type="text/plain"`,
  ].join(', ');
}
