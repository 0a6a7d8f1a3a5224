"""Nobody sees across agencies."""

import pytest
from accounts.models import Agency


@pytest.mark.django_db
def test_smoke() -> None:
    assert Agency.objects.count() == 0
