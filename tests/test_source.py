"""A method's source changes its hash with what it does, and with nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from vosbench import registry
from vosbench.running.source import CORE, source_sha256

FILES = {
    "vosbench/toolbox/__init__.py": "",
    "vosbench/toolbox/methods/__init__.py": "",
    "vosbench/toolbox/methods/matching/__init__.py": '"""Words."""\nTEMPERATURE = 0.07\n',
    "vosbench/toolbox/methods/matching/attention.py": (
        "from .window import inside\n\n\ndef attend(x):\n    return inside(x)\n"
    ),
    "vosbench/toolbox/methods/matching/window.py": (
        "RADIUS = 12\n\n\ndef inside(x):\n    return x < RADIUS\n"
    ),
    "vosbench/toolbox/methods/unused.py": "UNUSED = 1\n",
    "methods/plain/__init__.py": (
        '"""Matches."""\n\nfrom .network import net\n\n\ndef build(options):\n    return net\n'
    ),
    "methods/plain/network.py": (
        "import numpy as np\n\n\ndef net(x):\n"
        '    """Says what it does."""\n'
        "    from vosbench.toolbox.methods.matching.attention import attend\n\n"
        "    return attend(np.abs(x))  # why\n"
    ),
    "methods/single.py": "from ._beside import f\n\n\ndef build(options):\n    return f\n",
    "methods/_beside.py": "def f():\n    return 1\n",
}


class Tree:
    """A small vosbench on disk whose files can be changed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name, text in FILES.items():
            self.write(name, text)

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def change(self, name: str, old: str, new: str) -> None:
        text = (self.root / name).read_text(encoding="utf-8")
        assert old in text
        self.write(name, text.replace(old, new))

    def sha256(self, plugin: str = "plain/__init__.py") -> str:
        return source_sha256(self.root / "methods" / plugin, core=self.root / "vosbench")


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


WINDOW = "vosbench/toolbox/methods/matching/window.py"
MATCHING = "vosbench/toolbox/methods/matching/__init__.py"
NETWORK = "methods/plain/network.py"


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        (NETWORK, "Says what it does", "Says it in other words"),
        (NETWORK, '    """Says what it does."""\n', ""),
        (NETWORK, "# why", "# for another reason"),
        (NETWORK, "import numpy as np", "from __future__ import annotations\nimport numpy as np"),
        (NETWORK, "import numpy as np", "if TYPE_CHECKING:\n    import torch\nimport numpy as np"),
        (NETWORK, "import numpy as np", 'import numpy as np\n__all__ = ["net"]'),
        (NETWORK, "np.abs(x)", "np.abs(\n        x,\n    )"),
        (WINDOW, "RADIUS = 12\n", "RADIUS = 12\n\n# cells\n"),
        (MATCHING, "Words", "Other words"),
        ("vosbench/toolbox/methods/unused.py", "1", "2"),
    ],
)
def test_words_imports_and_layout_decide_nothing(tree: Tree, file: str, old: str, new: str) -> None:
    before = tree.sha256()
    tree.change(file, old, new)
    assert tree.sha256() == before


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        (NETWORK, "np.abs(x)", "np.abs(x + 1)"),
        (NETWORK, "np.abs(x)", "np.abs(x, None)"),
        ("methods/plain/__init__.py", "return net", "return None"),
        (WINDOW, "RADIUS = 12", "RADIUS = 13"),  # relative import, from a package of the toolbox
        (WINDOW, "x < RADIUS", "x <= RADIUS"),
        (MATCHING, "0.07", "0.08"),  # only on the way
    ],
)
def test_what_a_method_does_changes_its_source(tree: Tree, file: str, old: str, new: str) -> None:
    before, other = tree.sha256(), tree.sha256("single.py")
    tree.change(file, old, new)
    assert tree.sha256() != before
    assert tree.sha256("single.py") == other, "another method's source stays"


def test_a_plugin_in_one_file_may_have_one_beside_it(tree: Tree) -> None:
    before = tree.sha256("single.py")
    tree.change("methods/_beside.py", "return 1", "return 2")
    assert tree.sha256("single.py") != before


def test_a_renamed_file_and_a_moved_definition_decide_nothing(tree: Tree) -> None:
    before = tree.sha256()
    (tree.root / NETWORK).rename(tree.root / "methods/plain/layers.py")
    tree.change("methods/plain/__init__.py", "from .network import", "from .layers import")
    assert tree.sha256() == before
    tree.change(WINDOW, "RADIUS = 12\n\n\n", "from .sizes import RADIUS\n\n\n")
    assert tree.sha256() != before
    tree.write("vosbench/toolbox/methods/matching/sizes.py", "RADIUS = 12\n")
    assert tree.sha256() == before
    shutil.move(tree.root / "methods/plain", tree.root / "methods/simple")
    assert tree.sha256("simple/__init__.py") == before


def test_a_constant_of_the_shared_attention_is_label_propagations_alone(tmp_path: Path) -> None:
    core = tmp_path / "vosbench"
    shutil.copytree(CORE / "toolbox", core / "toolbox")
    attention = core / "toolbox/methods/label_propagation/attention.py"
    plugins = [registry.find("methods", name) for name in ("label-propagation", "copy-first")]
    sources = [plugin.path for plugin in plugins]
    before = [source_sha256(path, core=core) for path in sources]
    assert before == [source_sha256(path) for path in sources]
    text = attention.read_text(encoding="utf-8")
    assert "side = 8" in text
    attention.write_text(text.replace("side = 8", "side = 16"), encoding="utf-8")
    propagation, copy_first = (source_sha256(path, core=core) for path in sources)
    assert propagation != before[0]
    assert copy_first == before[1]


def test_every_plugin_has_a_source() -> None:
    found = {
        name: source_sha256(registry.find("methods", name).path)
        for name in registry.names("methods")
    }
    assert found["rpmnet"] == found["rpmnet-conv-3"] != found["copy-first"]
