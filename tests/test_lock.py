"""The lock files: the set of `constraints.txt`, with a hash for every file of every platform."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LOCKS = ("requirements.lock", "requirements-dev.lock")
_PIN = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*)==(?P<version>[\w.!]+)(?: ; (?P<marker>[^\\]+?))?", re.ASCII)
_HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")
NOT_FROZEN = {"setuptools"}
"""What `pip freeze`, of which the constraints are made, leaves out."""


def canonical(name: str) -> str:
    """The name of a package as every index spells it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def constraints() -> dict[str, str]:
    """The versions that are tested, by name."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = (line.partition("==") for line in lines if line and not line.startswith("#"))
    return {canonical(name): version for name, _, version in pins}


def read_lock(name: str) -> dict[str, tuple[str, str | None, list[str]]]:
    """Version, marker and hashes of each package of a lock; a line that is neither fails."""
    text = (ROOT / name).read_text(encoding="utf-8").replace(" \\\n", "\n")
    found: dict[str, tuple[str, str | None, list[str]]] = {}
    last = ""
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        if line.startswith("    "):
            assert _HASH.fullmatch(line.strip()), line
            found[last][2].append(line.strip())
            continue
        pin = _PIN.fullmatch(line)
        assert pin, line
        last = canonical(pin["name"])
        assert last not in found, line
        found[last] = (pin["version"], pin["marker"], [])
    return found


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_has_the_versions_that_are_tested(name: str) -> None:
    tested = constraints()
    for package, (version, marker, _) in read_lock(name).items():
        if package in tested:
            assert version == tested[package], package
        else:  # what another platform needs
            assert marker or package in NOT_FROZEN, package


def test_the_lock_for_development_has_everything_that_is_tested_and_the_other_is_part_of_it() -> None:
    run, development = (read_lock(name) for name in LOCKS)
    assert constraints().keys() <= development.keys()
    assert run.items() <= development.items()


def test_the_lock_has_what_the_program_needs_and_what_builds_it_and_no_tool_of_development() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    locked = read_lock("requirements.lock").keys()

    def names(requirements: list[str]) -> set[str]:
        return {canonical(re.split(r"[<>=!~;\[ ]", each)[0]) for each in requirements}

    needed = names([*project["project"]["dependencies"], *project["build-system"]["requires"]])
    assert needed <= locked
    tools = names(project["project"]["optional-dependencies"]["dev"]) - needed
    assert not tools & locked


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_of_a_lock_has_hashes_and_those_with_machine_code_one_for_each_platform(name: str) -> None:
    locked = read_lock(name)
    assert all(hashes for _, _, hashes in locked.values())
    for package in ("numpy", "torch", "pydantic-core", "safetensors"):
        assert len(locked[package][2]) > 10, package


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_no_host_and_no_local_build(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert "://" not in text
    assert "index" not in text
    assert "+cpu" not in text
