"""What follows from writes, by kind: TMF task resources do their task."""

from resolvers.behaviour import catalog_jobs
from resolvers.behaviour.activation import activated_resource, activated_service
from resolvers.behaviour.billing import bill_on_demand
from resolvers.behaviour.cancel import CANCELS, request_cancellation
from resolvers.behaviour.slots import search_time_slot
from resolvers.behaviour.usage import query_usage, usage_needs
from resolvers.storage.reactions import Reactions
from resolvers.storage.store import Needs

REACTIONS = Reactions(
    created={
        **dict.fromkeys(CANCELS, (request_cancellation,)),
        "CustomerBillOnDemand": (bill_on_demand,),
        "QueryUsageConsumption": (query_usage,),
        "SearchTimeSlot": (search_time_slot,),
    },
    changed={"ServiceActivation": (activated_service,), "ResourceActivation": (activated_resource,)},
)
NEEDS: Needs = {
    "QueryUsageConsumption": usage_needs,
    "ImportJob": catalog_jobs.import_needs,
    "ExportJob": catalog_jobs.export_needs,
}
