// A connector made with Hull's SDK: it takes notifications, verifies who signed them, and says what it got.

const given = JSON.parse(require("fs").readFileSync(0, "utf8"));
const Hull = require("hull");
const express = require("express");
const { smartNotifierHandler, smartNotifierErrorMiddleware } = require("hull/lib/utils");

Hull.logger.transports.console.level = "none";
Hull.logger.transports.console.silent = true;
const got = { notifications: [], refused: [] };
const connector = new Hull.Connector({
  port: 0, hostSecret: "interop", connectorName: "interop", clientConfig: { protocol: "http", firehoseUrl: given.firehose },
});
const app = express();
connector.setupApp(app);

function take(channel) {
  return (context, messages) => {
    got.notifications.push({
      channel, messages, segments: context.users_segments || context.segments, ship: context.ship.id, configuration: context.config,
      envelope: Object.keys(context.notification).sort(), headers: Object.keys(context.notification.configuration).sort(),
    });
    context.smartNotifierResponse.setFlowControl({ type: "next", size: 3, in: 1, in_time: 1 });
    return Promise.resolve();
  };
}

const channels = ["user:update", "account:update", "ship:update", "users_segment:update", "accounts_segment:update"];
app.use("/smart-notifier", smartNotifierHandler({ handlers: Object.fromEntries(channels.map((one) => [one, take(one)])) }));
app.use((error, request, response, next) => {
  got.refused.push(`${error.code || error.name}: ${error.message}`);
  next(error);
});
app.use(smartNotifierErrorMiddleware());

const server = app.listen(0, "127.0.0.1", async () => {
  const url = `http://127.0.0.1:${server.address().port}/smart-notifier`;
  await fetch(`${given.hull}/_sandbox/connect`, { method: "POST", body: JSON.stringify({ url }), headers: { "Content-Type": "application/json" } });
  for (const [path, change] of given.changes) {
    await fetch(`${given.hull}/_sandbox/${path}`, { method: "POST", body: JSON.stringify(change), headers: { "Content-Type": "application/json" } });
  }
  const deadline = Date.now() + 1000 * given.seconds;
  // A notification of how it was before may be on its way: only the one that holds the change will do.
  const isThere = ([id, value]) =>
    got.notifications.some((one) =>
      one.messages.some((message) => {
        const entity = message.user || message.account || {};
        return entity.id === id && Object.values(entity).includes(value);
      }),
    );
  while (Date.now() < deadline && !given.wanted.every(isThere)) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  process.stdout.write(JSON.stringify(got), () => process.exit(0));
});
