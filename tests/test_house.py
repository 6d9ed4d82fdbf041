"""The house: every module in its room, the rooms on their storeys; docs/architecture.md draws it."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from genoml import __version__

ROOT = Path(__file__).parents[1]
HOUSE = ROOT / "genoml"
#: modules of genoml that are no room
LOOSE = {"__init__", "__main__", "arguments", "backend", "random"}
#: folders of tests/ that test no room by itself
OTHERS = {"benchmarks", "cuda", "examples", "parity", "proof", "restarts", "support"}
GUIDE = (ROOT / "docs" / "architecture.md").read_text()


def folders_of(parent: Path, files: str) -> set[str]:
    """Folders below it that hold such files."""
    return {file.parent.relative_to(parent).as_posix() for file in parent.rglob(files)} - {"."}


def storeys() -> list[list[str]]:
    """The rooms of the contract in pyproject.toml, storey by storey, the highest first."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (layers,) = [contract["layers"] for contract in settings["contracts"] if contract["type"] == "layers"]
    return [re.findall(r"\w+", layer) for layer in layers]


def rooms() -> set[str]:
    return {folder for folder in folders_of(HOUSE, "__init__.py") if "/" not in folder}


def test_the_folders_of_tests_are_those_of_the_code() -> None:
    tested = folders_of(ROOT / "tests", "test_*.py") - OTHERS
    assert tested - folders_of(HOUSE, "__init__.py") == set()
    assert rooms() - tested == set()


def test_no_module_stands_outside_the_rooms() -> None:
    assert {file.stem for file in HOUSE.glob("*.py")} == LOOSE


def test_every_room_is_in_the_contract() -> None:
    assert {room for storey in storeys() for room in storey} == rooms() | LOOSE - {"__init__", "__main__"}


def test_the_guide_draws_the_storeys_of_the_contract() -> None:
    drawing = GUIDE.split("```text\n")[1].split("```")[0].splitlines()
    drawn = [re.split(r"\s{3,}", line.strip())[0].split() for line in drawing]
    assert drawn == storeys()


def test_the_guide_describes_every_room_once() -> None:
    described = re.findall(r"^\| `genoml/(\w+)(?:/|\.py)` \|", GUIDE, re.MULTILINE)
    assert sorted(described) == sorted(room for storey in storeys() for room in storey)


def test_context_variables_are_in_backend_alone() -> None:
    naming = {
        file.relative_to(HOUSE).as_posix() for file in HOUSE.rglob("*.py") if "ContextVar" in file.read_text()
    }
    assert naming == {"backend.py"}


def test_no_file_has_more_than_300_lines() -> None:
    lengths = {
        file.relative_to(ROOT).as_posix(): len(file.read_text().splitlines()) for file in HOUSE.rglob("*.py")
    }
    assert {file: lines for file, lines in lengths.items() if lines > 300} == {}


def test_imports_keep_to_the_storeys() -> None:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()"]
    checked = subprocess.run([*command, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_an_extra_reads_another_of_genoml_without_a_marker() -> None:
    """The build puts that one's packages in its place, and drops a marker that stands behind it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = [Requirement(line) for lines in project["optional-dependencies"].values() for line in lines]
    own = [each for each in needed if each.name == project["name"]]
    assert len(own) >= 3
    assert [str(each) for each in own if each.marker is not None] == []


def test_every_package_that_the_tests_need_has_one_version_that_is_allowed() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project, groups = settings["project"], settings["dependency-groups"]
    extras = project["optional-dependencies"]
    lines = (ROOT / "tests" / "constraints.txt").read_text().splitlines()
    versions = {
        canonicalize_name(name): version for name, version in (each.split("==") for each in lines[1:])
    }
    assert len(versions) == len(lines) - 1
    listed = [each for group in groups.values() for each in group if isinstance(each, str)]
    needed = []
    seen: list[str] = []
    for each in (queue := [*map(Requirement, project["dependencies"] + listed)]):
        if each.name == project["name"]:
            new = sorted(each.extras - set(seen))
            seen += new
            queue += [Requirement(line) for extra in new for line in extras[extra]]
        else:
            needed.append(each)
    assert {"test", "test-base", "search"} < set(seen)
    for each in needed:
        assert each.specifier.contains(versions[canonicalize_name(each.name)]), each


def test_the_conda_recipe_says_what_the_project_says() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    recipe = (ROOT / "packaging" / "conda" / "recipe.yaml").read_text()
    (needed,) = re.findall(r"^  run:\n    - python (\S+)\n((?:    - .+\n)+)", recipe, re.MULTILINE)
    assert needed[0] == project["requires-python"]
    assert re.findall(r"- (\S+) (\S+)", needed[1]) == [
        (each.name, str(each.specifier)) for each in map(Requirement, project["dependencies"])
    ]
    assert f'version: "{__version__}"' in recipe
    assert f"license: {project['license']}\n" in recipe
    assert set(re.findall(r"^    - (genoml/resources/\S+)$", recipe, re.MULTILINE)) == {
        file.relative_to(ROOT).as_posix()
        for pattern in project["license-files"][1:]
        for file in ROOT.glob(pattern)
    }


def test_no_link_into_this_folder_is_left_in_the_description_for_the_index() -> None:
    hooks = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["metadata"]["hooks"]
    text = (ROOT / "README.md").read_text()
    for each in hooks["fancy-pypi-readme"]["substitutions"]:
        text = re.sub(each["pattern"], each["replacement"], text)
    links = re.findall(r"\]\(([^)]*)\)", text)
    assert links
    assert all(link.startswith("https://") for link in links)
    assert "docs/commands.md has every command" in text


def test_actions_are_named_by_the_hash_of_their_commit() -> None:
    workflows = [file.read_text() for file in (ROOT / ".github" / "workflows").glob("*.yml")]
    used = [each for text in workflows for each in re.findall(r"uses: (.*)", text)]
    assert len(workflows) > 1
    assert used
    assert [each for each in used if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40}  # v[\d.]+", each)] == []


def test_no_index_stands_beside_the_registry() -> None:
    """Of two indexes pip takes the higher version, so that whoever can write to one replaces the other's packages."""
    places = [
        ".ci/run",
        ".github/workflows/ci.yml",
        ".github/workflows/release.yml",
        "packaging/Containerfile",
        "noxfile.py",
        "pyproject.toml",
        "README.md",
        "CONTRIBUTING.md",
    ]
    assert [place for place in places if re.search(r"(?i)extra.index", (ROOT / place).read_text())] == []
