// Hull's own miniature platform. Takes one JSON command a line, answers one JSON line: start, notify, schedule, recorded, stop.

const readline = require("readline");
const MiniHull = require("minihull");

let hull;
const commands = {
  async start({ port, secret, organization, connector, usersSegments, accountsSegments }) {
    hull = new MiniHull({ secret, overrideOrgAddr: organization });
    hull.stubConnector(connector);
    hull.stubUsersSegments(usersSegments);
    hull.stubAccountsSegments(accountsSegments);
    await hull.listen(port);
    return { port };
  },
  async notify({ connector, url, channel, messages, segments }) {
    const answer = await hull.smartNotifyConnector(connector, url, channel, messages, segments);
    return { status: answer.status, body: answer.body };
  },
  async schedule({ connector, url }) {
    const answer = await hull.postConnector(connector.id, url);
    return { status: answer.status, body: answer.body };
  },
  async recorded() {
    return hull.requests.get("incoming").value().map(({ method, url, headers, body }) => ({ method, url, headers, body }));
  },
  async stop() {
    setImmediate(() => process.exit(0));
    return {};
  },
};

readline.createInterface({ input: process.stdin }).on("line", async (line) => {
  const { command, ...given } = JSON.parse(line);
  try {
    process.stdout.write(`${JSON.stringify(await commands[command](given))}\n`);
  } catch (error) {
    process.stdout.write(`${JSON.stringify({ failed: error.message, status: error.status, body: error.response && error.response.body })}\n`);
  }
});
