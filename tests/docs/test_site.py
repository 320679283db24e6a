"""The documents as a site: built without a warning, links led into it, nothing from elsewhere."""

import html.parser
import os
import pathlib
import re
import subprocess
import sys
import urllib.parse

import pytest

pytestmark = pytest.mark.system

ROOT = pathlib.Path(__file__).parents[2]


class _Links(html.parser.HTMLParser):
    """What a page links to and what it loads."""

    def __init__(self, page):
        super().__init__()
        self.linked, self.loaded = [], []
        self.feed(page.read_text())

    def handle_starttag(self, tag, attributes):
        of = dict(attributes)
        if tag == "a" and of.get("href"):
            self.linked.append(of["href"])
        elif tag in ("script", "img", "iframe", "source") and of.get("src"):
            self.loaded.append(of["src"])
        elif tag == "link" and of.get("rel") in ("stylesheet", "icon", "preconnect", "preload"):
            self.loaded.append(of["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", folder],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.fixture(scope="module")
def pages(site):
    return {page: _Links(page) for page in site.rglob("*.html") if page.name != "404.html"}


def _is_elsewhere(link):
    return bool(urllib.parse.urlsplit(link).scheme or link.startswith("//"))


def test_every_document_is_a_page(site):
    documents = [path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*.md")]
    names = {path.with_name(path.name.replace("README", "index")) for path in documents}
    names |= {pathlib.Path(name) for name in ("index.md", "changelog.md", "contributing.md")}
    assert len(names) > 20
    assert [name for name in names if not (site / name.with_suffix(".html")).exists()] == []


def test_links_lead_to_pages_and_files_of_the_site(site, pages):
    followed = set()
    for page, links in pages.items():
        for link in filter(lambda link: not _is_elsewhere(link), links.linked + links.loaded):
            path = urllib.parse.unquote(urllib.parse.urlsplit(link).path)
            target = (page.parent / path).resolve() if path else page
            assert target.is_relative_to(site.resolve()), (page.name, link)
            assert target.exists(), (page.name, link)
            followed.add(target.relative_to(site.resolve()).as_posix())
    flagfile = "source/flags/aae/table2_mnist_100.flags.html"
    assert {flagfile, "source/tests/faults/test_kills.py.html", "security.html"} <= followed


def test_pages_load_nothing_from_elsewhere(pages):
    loaded = [link for links in pages.values() for link in links.loaded]
    assert len(loaded) > 100
    assert [link for link in loaded if _is_elsewhere(link)] == []


def test_a_flagfiles_page_has_its_text(site):
    text = (site / "source/flags/aae/table2_mnist_100.flags.html").read_text()
    assert "--experiment=semi_supervised" in re.sub(r"<[^>]+>", "", text)


def test_the_reference_has_docstrings_and_no_private_names(site):
    page = (site / "api/objectives.html").read_text()
    assert 'id="aae_tf.objectives.divergences.mmd"' in page
    assert "Unbiased estimate of the squared maximum mean discrepancy" in page
    for page in (site / "api").glob("*.html"):
        names = re.findall(r'id="(aae_tf[\w.]*)"', page.read_text())
        assert [name for name in names if re.search(r"\._[a-z]", name)] == [], page.name
