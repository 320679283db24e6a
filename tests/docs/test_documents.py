"""README and docs: short, with links that resolve, and flags, files and imports that exist."""

import importlib
import pathlib
import re

import pytest

from aae_tf import command_line

ROOT = pathlib.Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
IDS = [str(page.relative_to(ROOT)) for page in PAGES]
# Of pytest, ruff, pip, Docker, MkDocs, twine, TensorBoard, saved_model_cli, TF Serving and the
# benchmarks.
OTHER_PROGRAMS_FLAGS = {
    "all", "allow_version_labels_for_unavailable_models", "check", "dir", "dist",
    "enable_batching", "logdir", "model_config_file", "model_config_file_poll_wait_seconds",
    "repeats", "requeue", "rm", "seconds", "signal", "strict", "time", "user",
    "nodes", "ntasks", "gpus",  # the beginnings of Slurm's
}  # fmt: skip
LINK = re.compile(r"\]\(([^)\s]+)\)")
FLAG = re.compile(r"(?<![\w-])--([a-z]\w*)")


def _anchors(page):
    """The fragments that GitHub gives a page's headings."""
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _fenced(page, language=""):
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)


@pytest.fixture
def flags(capsys):
    """The names of all flags, with `no` before those that can be switched off."""
    assert command_line.main(["run_experiment.py", "--help"]) == 0
    listed = re.findall(r"--(\[no\])?(\w+)", capsys.readouterr().out)
    return {name for _, name in listed} | {f"no{name}" for switch, name in listed if switch}


def test_the_readme_can_be_read_in_five_minutes():
    lines = README.read_text().splitlines()
    assert len(lines) <= 160
    assert max(len(line) for line in lines if not line.startswith("|")) <= 125


def test_the_readme_leads_to_every_document():
    linked = {link.partition("#")[0] for link in LINK.findall(README.read_text())}
    assert {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")} <= linked


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_every_link_leads_somewhere(page):
    for link in LINK.findall(page.read_text()):
        if link.startswith(("http://", "https://")):
            continue
        path, _, fragment = link.partition("#")
        target = (page.parent / path) if path else page
        assert target.exists(), link
        assert not fragment or fragment in _anchors(target), link


def test_every_flag_that_is_named_is_one(flags):
    for page in PAGES:
        named = set(FLAG.findall(page.read_text()))
        assert named - flags - OTHER_PROGRAMS_FLAGS == set(), page.name


def test_every_flagfile_and_space_of_a_command_is_there():
    found = 0
    for page in PAGES:
        for path in re.findall(r"--(?:flagfile|space)=([\w/]+\.(?:flags|space))", page.read_text()):
            if not path.startswith("runs/"):  # of a run or a search
                assert (ROOT / "flags" / path.removeprefix("flags/")).is_file(), (page.name, path)
            found += 1
    assert found >= 10


def test_every_module_and_test_that_is_named_is_there():
    for page in PAGES:
        named = re.findall(r"\b(?:aae_tf|tests|benchmarks)/[\w/.]*\w", page.read_text())
        assert [path for path in named if not (ROOT / path).exists()] == [], page.name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_its_python_imports_of_the_package_is_there(page):
    for code in _fenced(page, "python"):
        compile(code, page.name, "exec")
        for module, names in re.findall(r"^from (aae_tf[\w.]*) import (.+)$", code, re.MULTILINE):
            for name in names.split(", "):
                imported = importlib.import_module(module)
                if not hasattr(imported, name):
                    importlib.import_module(f"{module}.{name}")


def test_each_picture_of_the_gallery_comes_with_its_command():
    text = (ROOT / "docs/gallery.md").read_text()
    pictures = re.split(r"^!\[", text, flags=re.MULTILINE)[1:]
    assert len(pictures) > 10
    for picture in pictures:
        assert "\naae-tf " in picture or "of the same run" in picture, picture[:60]
