"""What a thing is: every TMF type, declared once. Importing this declares all of them."""

from models.resource import inventory as _resource_inventory  # noqa: F401, I001  the order is that of the domains
from models.resource import ordering as _resource_ordering  # noqa: F401
from models.service import inventory as _service_inventory  # noqa: F401
from models.service import ordering as _service_ordering  # noqa: F401
from models.product import catalog as _catalog  # noqa: F401
from models.product import inventory as _product_inventory  # noqa: F401
from models.product import ordering as _product_ordering  # noqa: F401
from models.customer import customer as _customer  # noqa: F401
from models.party import party as _party  # noqa: F401
from models.party import party_role as _party_role  # noqa: F401
