// Composes subgraphs: `node compose.mjs name=schema.graphql ...` prints the supergraph, or the problems and exits with 1.
import { readFileSync } from "node:fs";
import { composeServices } from "@theguild/federation-composition";
import { parse } from "graphql";

const services = process.argv.slice(2).map((argument) => {
  const [name, file] = argument.split("=");
  return { name, url: `http://${name}/graphql`, typeDefs: parse(readFileSync(file, "utf8")) };
});
const result = composeServices(services);
if (result.supergraphSdl) {
  console.log(result.supergraphSdl);
} else {
  for (const error of result.errors) console.error(`${error.extensions?.code ?? ""} ${error.message}`);
  process.exit(1);
}
