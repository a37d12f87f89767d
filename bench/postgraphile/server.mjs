// PostGraphile 5 over the views in views.sql, as a careful user would run it in production.

import { createServer } from "node:http";
import { postgraphile } from "postgraphile";
import { makePgService } from "postgraphile/adaptors/pg";
import { grafserv } from "postgraphile/grafserv/node";
import { PostGraphileAmberPreset } from "postgraphile/presets/amber";

const port = Number(process.env.PORT);

const preset = {
  extends: [PostGraphileAmberPreset],
  disablePlugins: [
    "NodePlugin", // no global ids: they would have to be made for each node
    "PgConnectionArgOrderByDefaultValuePlugin", // the order is always given
  ],
  pgServices: [
    makePgService({
      connectionString: process.env.DATABASE_URL,
      schemas: ["postgraphile"],
      poolConfig: { max: 10 },
    }),
  ],
  // Plain lists cost less than connections. Conditions may name any column, not only those of an index.
  schema: { defaultBehavior: "+list -connection -mutation +condition:attribute:filterBy +attribute:filterBy" },
  grafast: { explain: false },
  grafserv: { graphiql: false, websockets: false, port },
};

const server = createServer();
server.on("error", (error) => {
  console.error(error);
  process.exit(1);
});
await postgraphile(preset).createServ(grafserv).addTo(server);
server.listen(port, "127.0.0.1");
