// Hull's own miniature platform. Takes one JSON command a line, answers one JSON line: start, install, notify, schedule, batch, recorded, stop.

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
  async install({ connector, url }) {
    const manifest = (await hull.get(`${url}/manifest.json`)).body;
    const answer = await hull.smartNotifyConnector(
      { ...connector, manifest }, `${url}${manifest.subscriptions[0].url}`, "ship:update", [{ ...connector, manifest }],
    );
    return { manifest, status: answer.status, body: answer.body };
  },
  async batch({ url, rows, port, kind }) {
    hull.stubBatch(rows);
    const answer = await hull.post(url).send({ url: `http://localhost:${port}/_batch`, format: "json", object_type: kind });
    return { status: answer.status, text: answer.text };
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
