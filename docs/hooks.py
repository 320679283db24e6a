"""What `mkdocs build` does beside building (see mkdocs.yml): links of the repository in the site.

The documents link as GitHub shows them: to the README above docs/, to flagfiles, to tests. The site
has the files at the top level as pages, and of each other file that a document leads to a page with
its text; links are led there. Whatever leads nowhere stays as it is, and `--strict` refuses it.
"""

import pathlib
import posixpath
import re

from mkdocs.structure.files import File

ROOT = pathlib.Path(__file__).parents[1]
TOP = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
}
LINK = re.compile(r"(?<=\]\()([^)\s#:]+)(?=[)#])")  # what isn't a URL, without its fragment
NOT_SEARCHED = "---\nsearch:\n  exclude: true\n---\n"


def on_files(files, *, config):
    """Adds the pages of what lies outside docs/."""
    for path, uri in TOP.items():
        files.append(File.generated(config, uri, content=(ROOT / path).read_text()))
    linked = set()
    for file in files.documentation_pages():
        found = LINK.findall(file.content_string)
        linked |= {_target(file.src_uri, link) for link in found} - {None}
    folders = [path for path in linked if (ROOT / path).is_dir()]
    linked |= {f"{folder}/{name}" for folder in folders for name in _names(folder)}
    for path in sorted(linked):
        if _uri(path) not in files.src_uris:
            files.append(File.generated(config, _uri(path), content=_text(path)))
    return files


def on_page_markdown(markdown, *, page, config, files):
    """Leads the links of a page to pages of the site."""
    del config, files
    uri = page.file.src_uri
    here = posixpath.dirname(uri)

    def led(link):
        target = _target(uri, link[1])
        return link[1] if target is None else posixpath.relpath(_uri(target), here)

    return LINK.sub(led, markdown)


def on_page_content(html, *, page, config, files):
    r"""Shows the bars of code in tables, `\|`, as GitHub does."""
    del page, config, files
    return re.sub(r"<td.*?</td>", lambda cell: cell[0].replace("\\|", "|"), html, flags=re.DOTALL)


def _target(uri, link):
    """What a page's link leads to, as a path of the repository; None within docs/ or if nowhere."""
    ours = {page: path for path, page in TOP.items()}.get(uri, f"docs/{uri}")
    path = posixpath.normpath(posixpath.join(posixpath.dirname(ours), link))
    if path.startswith("..") or not (ROOT / path).exists():
        return None
    return None if path.startswith("docs/") and ours == f"docs/{uri}" else path


def _uri(path):
    """The page of the site that shows a file or folder of the repository."""
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    suffix = "" if path.endswith(".md") else ".md"
    return TOP.get(path, f"source/{path}{suffix}")


def _names(folder):
    """The files in a folder."""
    return sorted(file.name for file in (ROOT / folder).iterdir() if file.is_file())


def _text(path):
    """The page of a file, its text alone, or of a folder, its files."""
    file = ROOT / path
    if file.is_dir():
        shown = "\n".join(f"- [{name}]({file.name}/{name}.md)" for name in _names(path))
    elif file.suffix == ".md":
        return NOT_SEARCHED + file.read_text()
    else:
        language = "python" if file.suffix == ".py" else "text"
        shown = f"````{language}\n{file.read_text()}\n````"
    return f"{NOT_SEARCHED}# {path}\n\n{shown}\n"
