"""The pages for people: what is here, GraphiQL, Swagger UI. Nothing on them is fetched from another host."""

import functools
import html
import importlib.util
import json
from pathlib import Path
from urllib.parse import quote

from models.declare import ABSTRACTS, DOMAINS, KINDS, Abstract, Kind
from models.declare import description as described
from schema.rest.openapi import apis

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; font-src 'self' data:; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}

CHAIN = """# From customers over their orders to the network behind them: one request.
query OrdersToNetwork {
  customers(first: 3) {
    nodes {
      name
      productOrders(first: 5) {
        totalCount
        nodes {
          id
          state
          serviceOrders {
            nodes {
              id
              state
              resourceOrders {
                nodes {
                  id
                  state
                  orderItem {
                    resource {
                      target { id name operationalState }
                    }
                  }
                }
              }
            }
          }
          productOrderItem {
            product {
              target {
                realizingService {
                  target {
                    supportingResource {
                      target { name }
                    }
                  }
                }
              }
            }
          }
        }
      }
    }
  }
}
"""

WAY_BACK = """# Who is hit when a port fails: from resources up to the customers that stand on them.
query WhoIsHit {
  resources(first: 3, where: { category: { eq: "accessPort" } }) {
    nodes {
      name
      operationalState
      services {
        totalCount
        nodes {
          name
          state
          products {
            nodes {
              name
              relatedParty { role target { __typename ... on Customer { id name } } }
              productOrders { nodes { id state orderDate } }
            }
          }
        }
      }
    }
  }
}
"""

WORK = """# Orders that wait for somebody, the latest first, with how they got there.
query OpenOrders {
  productOrders(
    where: { state: { in: [acknowledged, inProgress, held, pending] } }
    orderBy: [{ orderDate: DESC }]
    first: 10
  ) {
    totalCount
    pageInfo { hasNextPage endCursor }
    nodes {
      id
      state
      orderDate
      category
      relatedParty { role name }
      history { time type stateBefore stateAfter actor }
    }
  }
}
"""

WRITE = """# Create a customer. Then find it with the query below (pick it in the menu of the run button).
mutation NewPerson {
  createIndividual(input: { givenName: "Ada", familyName: "Byron" }) {
    id
    href
    status
  }
}

query People {
  individuals(where: { familyName: { eq: "Byron" } }) {
    totalCount
    nodes { id givenName familyName status history { time type actor } }
  }
}
"""

MONEY = """# What customers pay: their bills with the charges on them, and what has come together since.
query Money {
  customers(first: 3) {
    nodes {
      name
      customerBills(orderBy: [{ billDate: DESC }], first: 12) {
        nodes {
          billNo
          state
          paymentDueDate
          taxIncludedAmount { value unit }
          remainingAmount { value unit }
          appliedCustomerBillingRates { nodes { name type taxIncludedAmount { value unit } } }
        }
      }
      customerUsages(where: { endDate: { isNull: true } }) {
        nodes {
          name
          quantity { amount units }
          ratedAmount { value unit }
          usage { target { usageDate status usageCharacteristic { name value } } }
        }
      }
      products(where: { status: { eq: active } }) {
        nodes {
          name
          appliedCustomerBillingRates(where: { isBilled: { eq: false } }) {
            nodes { name date taxIncludedAmount { value unit } }
          }
        }
      }
    }
  }
}
"""

ACTIVATION = """# How an order is carried out: from the order over the activations down to the resources.
query Activations {
  productOrders(first: 3) {
    nodes {
      id
      state
      relatedParty {
        role
        target {
          ... on Customer {
            name
            digitalIdentities { nodes { nickname status credential { __typename id state trustLevel } } }
          }
        }
      }
      appointments {
        nodes { description status validFor { startDateTime endDateTime } relatedParty { role name } }
      }
      serviceOrders {
        nodes {
          id
          services {
            nodes {
              name
              serviceActivations {
                nodes {
                  name
                  state
                  resourceActivations {
                    nodes {
                      name
                      mode
                      state
                      resource {
                        target {
                          name
                          ... on PhysicalResource { serialNumber powerState }
                          ... on LogicalResource { value }
                        }
                      }
                    }
                  }
                }
              }
            }
          }
        }
      }
    }
  }
}
"""

EXAMPLES = (CHAIN, WAY_BACK, WORK, MONEY, ACTIVATION, WRITE)


def static_directory() -> Path:
    """Where GraphiQL's files lie: in the installed asset package, found without importing it."""
    package = _installed("graphene_django_graphiql_static")
    return package / "static" / "graphene_django_graphiql_static"


def swagger_directory() -> Path:
    """Where Swagger UI's files lie: in the installed asset package, found without importing it."""
    found = next((_installed("swagger_ui_bundle") / "vendor").glob("swagger-ui-*"), None)
    if found is None:
        raise RuntimeError("The files of Swagger UI are missing: install tmfgraph again.")
    return found


def _installed(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError(f"The package {package} is missing: install tmfgraph again.")
    return Path(spec.submodule_search_locations[0])


TOKEN_HINT = """<p id="hint">Requests need a token: put it behind <code>Bearer</code> in the Headers editor
  below, then press Re-fetch at the left for the documentation.
  <code>tmfgraph token</code> makes one to try.</p>"""


@functools.cache
def graphiql(needs_token: bool = False) -> str:
    """GraphiQL with the example queries in its tabs, and a word on the token where one is needed."""
    headers = '{\n  "Authorization": "Bearer "\n}' if needs_token else None
    tabs = json.dumps([{"query": query, "headers": headers} for query in EXAMPLES]).replace("</", "<\\/")
    hint = TOKEN_HINT if needs_token else ""
    tools = '"headers"' if needs_token else "false"
    return f"""<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <title>tmfgraph: GraphiQL</title>
  <link rel="icon" href="data:,">
  <link rel="stylesheet" href="/static/graphiql.min.css">
  <style>
    html, body {{ height: 100%; margin: 0; overflow: hidden; }}
    body {{ display: flex; flex-direction: column; }}
    #graphiql {{ flex: 1; min-height: 0; }}
    #hint {{ margin: 0; padding: .5rem 1rem; font: 14px/1.4 system-ui, sans-serif; background: #fff4d6;
            color: #3d2f00; }}
  </style>
</head>
<body>
  {hint}
  <div id="graphiql">Loading the query editor…</div>
  <script src="/static/react.production.min.js"></script>
  <script src="/static/react-dom.production.min.js"></script>
  <script src="/static/graphiql.min.js"></script>
  <script>
    ReactDOM.render(
      React.createElement(GraphiQL, {{
        fetcher: GraphiQL.createFetcher({{ url: "/graphql" }}),
        defaultTabs: {tabs},
        defaultEditorToolsVisibility: {tools},
        defaultHeaders: {json.dumps(headers)},
        shouldPersistHeaders: true
      }}),
      document.getElementById("graphiql")
    );
  </script>
</body>
</html>
"""


@functools.cache
def swagger() -> str:
    """Swagger UI with all APIs in its selector."""
    found = [{"url": f"/openapi/{number}.json", "name": _named(number)} for number in apis()]
    urls = json.dumps(found).replace("</", "<\\/")
    return f"""<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>tmfgraph: REST</title>
  <link rel="icon" href="data:,">
  <link rel="stylesheet" href="/static/swagger/swagger-ui.css">
  <link rel="stylesheet" href="/static/swagger/index.css">
</head>
<body>
  <div id="swagger">Loading the documents…</div>
  <script src="/static/swagger/swagger-ui-bundle.js"></script>
  <script src="/static/swagger/swagger-ui-standalone-preset.js"></script>
  <script>
    SwaggerUIBundle({{
      urls: {urls},
      dom_id: "#swagger",
      layout: "StandaloneLayout",
      presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset],
      deepLinking: true,
      persistAuthorization: true,
      defaultModelsExpandDepth: 0,
      validatorUrl: null
    }});
  </script>
</body>
</html>
"""


def _named(number: str) -> str:
    return f"{number} {apis()[number]}"


GRAPHIQL_LINK = '<a href="/graphql">GraphiQL: ask the graph</a>'


@functools.cache
def index(graphiql: bool = True) -> str:
    """What this server offers, with links."""
    nodes: list[Kind | Abstract] = [*KINDS.values(), *ABSTRACTS.values()]
    sections = []
    for domain in DOMAINS:
        rows = [_row(node) for node in nodes if node.homes[0].api.domain == domain]
        if rows:
            sections.append(f"<h2>{domain.title()}</h2><table>{''.join(rows)}</table>")
    return f"""<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>tmfgraph</title>
  <link rel="icon" href="data:,">
  <style>
    body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem;
           color: #1b2330; background: #fff; }}
    h1 {{ margin-bottom: 0; }}
    h2 {{ margin: 2rem 0 .5rem; font-size: 1.1rem; }}
    a {{ color: #0b57a4; }}
    .doors a {{ display: inline-block; margin: .3rem .6rem .3rem 0; padding: .5rem 1rem; border-radius: .4rem;
               background: #0b57a4; color: #fff; text-decoration: none; }}
    table {{ border-collapse: collapse; width: 100%; }}
    td {{ border-top: 1px solid #dde3ea; padding: .4rem .8rem .4rem 0; vertical-align: top; }}
    td:first-child {{ width: 15rem; font-weight: 600; }}
    code {{ font-size: .9rem; }}
    .api {{ color: #5a6675; font-weight: 400; }}
  </style>
</head>
<body>
  <h1>tmfgraph</h1>
  <p>One typed graph over TM Forum resources: ask across orders, services and resources in one query, or call
     the TMF paths you know.</p>
  <p class="doors">{GRAPHIQL_LINK if graphiql else ""}
     <a href="/docs">Swagger UI: try the TMF paths</a> <a href="/tmf-api">TMF paths as JSON</a>
     <a href="/health/ready">Health</a></p>
  {"".join(sections)}
</body>
</html>
"""


def _row(node: Kind | Abstract) -> str:
    links = "<br>".join(
        f'<a href="{home.url}"><code>{html.escape(home.url)}</code></a>' for home in node.homes
    )
    doc = html.escape(described(node.cls))
    numbers = dict.fromkeys(home.api.number for home in node.homes)
    shown = " ".join(
        f'<a class="api" href="/docs?urls.primaryName={quote(_named(number))}#/{node.name}">{number}</a>'
        for number in numbers
    )
    return f"<tr><td>{node.name} {shown}</td><td>{doc}<br>{links}</td></tr>"
