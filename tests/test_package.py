"""What comes with the package: metadata, versions, changelog, citation, workflow, container."""

import configparser
import fnmatch
import pathlib
import re

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

import aae_tf

ROOT = pathlib.Path(__file__).parents[1]
PYTHON_OF_LOCK = "3.11"
SECTIONS = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]
NAMES_OF_RELEASES = re.compile(r"\[Unreleased\]|\[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)")


@pytest.fixture(scope="module")
def metadata():
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def _lines(text):
    return [line for line in text.strip().splitlines() if line and not line.startswith("#")]


def _requirements(metadata):
    extras = metadata["options.extras_require"]
    lists = [metadata["options"]["install_requires"], *extras.values()]
    return [Requirement(line) for text in lists for line in _lines(text)]


def _pythons(metadata):
    found = re.findall(r":: (3\.\d+)$", metadata["metadata"]["classifiers"], re.MULTILINE)
    assert len(found) >= 2
    return found


def test_the_metadata_say_what_an_index_shows(metadata):
    about = metadata["metadata"]
    assert about["author"] == "The aae_tf authors"
    assert re.fullmatch(r"https://\S+", about["url"])
    assert all(re.fullmatch(r".+ = https://\S+", line) for line in _lines(about["project_urls"]))
    for field in ("keywords", "classifiers"):
        assert len(_lines(about[field])) == len(set(_lines(about[field]))) > 5
    assert "Typing :: Typed" in _lines(about["classifiers"])


def test_pythons_named_are_those_that_it_installs_on(metadata):
    allowed = SpecifierSet(metadata["options"]["python_requires"])
    installable = [f"3.{minor}" for minor in range(30) if f"3.{minor}" in allowed]
    assert _pythons(metadata) == installable


def test_every_dependency_is_bounded_from_below_and_above(metadata):
    for requirement in _requirements(metadata):
        operators = {specifier.operator for specifier in requirement.specifier}
        assert operators & {">=", ">"} and operators & {"<", "<="}, str(requirement)


def test_it_says_that_it_is_typed(metadata):
    assert metadata["options.package_data"]["aae_tf"] == "py.typed"
    assert (ROOT / "aae_tf/py.typed").read_text() == ""


def test_the_lock_has_every_dependency_within_its_bounds(metadata):
    first, *lines = (ROOT / "requirements.lock").read_text().splitlines()
    assert first.startswith("# ") and PYTHON_OF_LOCK in first
    pins = {}
    for line in lines:  # a name and a version: no address, option, path or hash
        name, version = re.fullmatch(r"([\w.-]+)==([\w.!+]+)", line).groups()
        pins[re.sub(r"[-_.]+", "-", name).lower()] = Version(version)
    for requirement in _requirements(metadata):
        if requirement.marker and not requirement.marker.evaluate({"python_version": "3.11"}):
            continue
        pinned = pins[re.sub(r"[-_.]+", "-", requirement.name).lower()]
        assert pinned in requirement.specifier, str(requirement)


def test_the_changelog_keeps_a_changelog():
    title, *releases = re.split(r"^## ", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    assert title.startswith("# Changelog\n")
    found = [NAMES_OF_RELEASES.fullmatch(release.partition("\n")[0]) for release in releases]
    assert all(found) and releases[0].startswith("[Unreleased]")
    released = [(Version(name[1]), name[2]) for name in found[1:]]
    assert released == sorted(released, reverse=True)
    for release in releases:
        parts = re.split(r"^### ", release, flags=re.MULTILINE)[1:]
        names = [part.partition("\n")[0] for part in parts]
        assert names == sorted(set(names), key=SECTIONS.index)
        assert all(re.search(r"^- ", part, re.MULTILINE) for part in parts), names


def test_the_citation_is_of_this_version():
    text = (ROOT / "CITATION.cff").read_text()
    top = dict(re.findall(r"^([a-z-]+): *(.*)$", text, re.MULTILINE))
    assert top["cff-version"] == "1.2.0" and top["license"] == "Apache-2.0"
    assert {"message", "title", "authors", "references"} <= set(top)
    assert top["version"] == aae_tf.__version__
    for paper in ("Adversarial Autoencoders", "Wasserstein Auto-Encoders"):
        assert re.search(rf"^    title: {paper}$", text, re.MULTILINE)


def test_the_workflow_runs_the_same_checks_on_every_python(metadata):
    text = (ROOT / ".github/workflows/ci.yml").read_text()
    assert re.search(r"- run: \.ci/run$", text, re.MULTILINE)
    named = re.findall(r'"(3\.\d+)"', text)
    assert sorted(named, key=Version) == _pythons(metadata)
    assert "secrets." not in text
    for action in re.findall(r"uses: (\S+)", text):
        assert re.fullmatch(r"actions/[\w-]+@v\d+", action)
    jobs = re.findall(r"^  \w+:$", text.partition("\njobs:\n")[2], re.MULTILINE)
    assert len(jobs) == text.count("timeout-minutes:") >= 2


def test_the_container_is_made_of_files_that_its_context_has():
    text = (ROOT / "Dockerfile").read_text()
    ignored, *kept = _lines((ROOT / ".dockerignore").read_text())
    assert ignored == "*"
    copied = [file for line in re.findall(r"^COPY (.+)$", text, re.M) for file in line.split()[:-1]]
    assert len(copied) > 5
    for file in copied:
        assert (ROOT / file).exists(), file
        assert any(fnmatch.fnmatch(f"!{file}", pattern) for pattern in kept), file


def test_the_container_runs_the_command_without_rights():
    instructions = re.findall(r"^([A-Z]+) (.+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    words = dict(instructions)
    assert words["ENTRYPOINT"] == '["aae-tf"]'
    assert words["USER"] not in ("root", "0")
    after = [word for word, _ in instructions][[word for word, _ in instructions].index("USER") :]
    assert "RUN" not in after
