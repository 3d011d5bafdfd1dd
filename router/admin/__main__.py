"""`python -m router.admin > docs/admin-openapi.json`: the OpenAPI document as it is committed."""

import sys

from router.admin.application import admin_application
from router.admin.document import document_text

sys.stdout.write(document_text(admin_application(None)))
