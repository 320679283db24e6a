"""The notebooks run from the first cell to the last, in a folder of their own."""

import pathlib

import pytest

FOLDER = pathlib.Path(__file__).parents[2] / "docs" / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def test_there_are_notebooks_without_outputs():
    import json

    assert len(NOTEBOOKS) == 3
    for notebook in NOTEBOOKS:
        for cell in json.loads(notebook.read_text())["cells"]:
            assert not cell.get("outputs"), notebook.name


@pytest.mark.system
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_to_its_end(notebook, tmp_path):
    import nbclient
    import nbformat

    book = nbformat.read(notebook, as_version=4)
    client = nbclient.NotebookClient(
        book, timeout=500, resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    shown = [o for cell in book.cells for o in cell.get("outputs", ())]
    said = "".join(output.get("text", "") for output in shown)
    assert "Traceback" not in said
    assert not any(output.output_type == "error" for output in shown)
