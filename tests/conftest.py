"""What all tests share."""

from hypothesis import HealthCheck, settings

# No test asserts a time, and hypothesis must not either: these machines are slow now and then.
settings.register_profile("cae-tui", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("cae-tui")
