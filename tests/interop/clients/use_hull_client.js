// Hull's own client, as a connector uses it: traits, operations, links, aliases, events, settings, status, lists.
// Serves `hull-client` and the SDK `hull`, which re-exports it.

const given = JSON.parse(require("fs").readFileSync(0, "utf8"));
const Hull = require(given.package);
const hull = new Hull({
  id: given.id, secret: given.secret, organization: given.organization, protocol: "http", firehoseUrl: given.firehose, flushAfter: 200, captureLogs: true,
});
const told = []; // what each promise of the firehose came to

async function all(promises) {
  const results = await Promise.allSettled(promises);
  results.forEach((one) => told.push(one.status === "fulfilled" ? "ok" : String(one.reason.status || one.reason.message)));
}

async function refused(act) {
  try {
    await act();
    return null;
  } catch (error) {
    return error.status || error.message;
  }
}

// What a request came to, refusals included: one that fails does not hide the others.
async function asked(request) {
  try {
    return await request;
  } catch (error) {
    return { failed: error.status || error.message, body: error.response && error.response.body };
  }
}

async function main() {
  const got = {};
  const acme = { domain: "acme.example", external_id: "acme-1", anonymous_id: "closeio:lead_acme" };
  const ada = { email: "ada@acme.example", anonymous_id: "closeio:cont_ada" };

  await all([
    hull.asAccount(acme).traits({ name: "Acme", "closeio/id": "lead_acme", "closeio/score": 5, "closeio/tags": ["a", "b"] }),
    hull.asUser(ada).traits({ first_name: "Ada", "closeio/title": "Founder", "closeio/id": "cont_ada", calls: 3 }),
  ]);
  await all([
    hull.asAccount(acme).traits({
      name: { operation: "setIfNull", value: "Not taken" }, industry: { operation: "setIfNull", value: "Rockets" },
      "closeio/score": { operation: "inc", value: 2 }, "closeio/tags": { operation: "set", value: ["c"] },
    }),
    hull.asUser(ada).traits({ calls: { operation: "dec", value: 1 }, "closeio/title": { operation: "set", value: null } }),
    hull.asUser(ada).account(acme).traits({ "closeio/linked": true }),
    hull.asUser(ada).alias({ anonymous_id: "visitor-1" }),
    hull.asUser(ada).alias({ anonymous_id: "visitor-2" }),
    hull.asUser(ada).track("Call logged", { seconds: 60 }, { source: "closeio", event_id: "call-1", created_at: "2026-01-02T03:04:05Z" }),
  ]);
  await all([hull.asUser(ada).unalias({ anonymous_id: "visitor-2" })]);
  await all([hull.asUser({ email: "nobody@acme.example" }, { create: false }).traits({ seen: true })]);
  await all(Array.from({ length: 120 }, (_, number) => hull.asUser({ email: `p${number}@batch.example` }).traits({ "closeio/number": number })));

  got.connector = await asked(hull.get("app"));
  got.connectorById = await asked(hull.get(given.id));
  got.updated = await asked(hull.utils.settings.update({ "interop/one": 1, keep: "this" }));
  got.updatedAgain = await asked(hull.utils.settings.update({ "interop/one": 2 }));
  got.status = await asked(hull.put(`${given.id}/status`, { status: "warning", messages: ["Look here."] }));
  got.usersSegments = await asked(hull.get("users_segments", { shipId: given.id }));
  got.accountsSegments = await asked(hull.get("accounts_segments", { shipId: given.id }));
  got.usersSchema = await asked(hull.get("users/schema"));
  got.usersTree = await asked(hull.get("search/user_reports/bootstrap"));
  got.accountsTree = await asked(hull.get("search/account_reports/bootstrap"));
  const byDomain = { query: { bool: { filter: [{ term: { "domain.exact": "acme.example" } }] } }, raw: true, page: 1, per_page: 50 };
  got.found = await asked(hull.post("search/account_reports", byDomain));
  got.refused = {
    wrongSecret: await refused(() => new Hull({ ...hull.config, secret: "wrong", captureLogs: true }).get("app")),
    wrongId: await refused(() => new Hull({ ...hull.config, id: "0".repeat(24), captureLogs: true }).get("app")),
    nothingThere: await refused(() => hull.get("nothing/of/the/kind")),
  };
  got.told = told;
  process.stdout.write(JSON.stringify(got), () => process.exit(0));
}

main().catch((error) => {
  process.stderr.write(`${error.stack}\n${JSON.stringify(error.response || {})}\n`, () => process.exit(1));
});
