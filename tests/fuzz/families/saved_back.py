"""What a Saver with read_back wrote, damaged before it is read back."""

from __future__ import annotations

import os
from random import Random
from typing import Any

import slimfix
from tests.fuzz.case import Call, Damage, Family, Net, WrongValue, read_files, write_files
from tests.fuzz.families.checkpoints import damage_files
from tests.fuzz.families.nets import META, PREFIX, golden

_SEED = "seed.txt"


class _Damaging:
    """A session whose disk damages each checkpoint as it is written."""

    def __init__(self, session: Any, folder: str, seed: str):
        self._session, self._folder, self._seed = session, folder, seed

    @property
    def graph(self) -> Any:
        return self._session.graph

    def run(self, fetches: Any, *args: Any, **kwargs: Any) -> Any:
        result = self._session.run(fetches, *args, **kwargs)
        paths = [path for path in os.listdir(self._folder) if path.startswith(PREFIX)]
        if self._seed and len(paths) > 1:
            files = read_files(self._folder, *paths)
            damaged, self.story, _ = damage_files(Random(self._seed), files)
            for path in files:
                os.remove(os.path.join(self._folder, path))
            write_files(damaged, self._folder)
            self._seed = ""
        return result


def _damage(random: Random, net: Net) -> Damage:
    seed = str(random.random())
    return Damage({_SEED: seed.encode()}, f"written, then damaged with seed {seed}", True)


def save(folder: str, net: Net) -> None:
    """Saves a network on a disk that damages files."""
    import tensorflow.compat.v1 as tf

    found = read_files(folder)
    seed = found[_SEED].decode() if _SEED in found else ""
    meta_graph = tf.MetaGraphDef.FromString(net.files[META])
    with tf.Graph().as_default(), tf.Session() as session:
        tf.train.import_meta_graph(meta_graph)
        session.run(tf.global_variables_initializer())
        saver = slimfix.build_saver(read_back=True)
        prefix = os.path.join(folder, PREFIX)
        saver.save(_Damaging(session, folder, seed), prefix, write_meta_graph=False)
        reader = tf.train.load_checkpoint(prefix)
        for variable in tf.global_variables():
            value = reader.get_tensor(variable.op.name)
            if value.tobytes() != session.run(variable).tobytes():
                raise WrongValue(f"'{variable.op.name}' was saved as another value")


FAMILIES = [
    Family(
        "read-back",
        4,
        lambda: [golden("micro/rank4_scale")],
        _damage,
        (Call("saver.save", save),),
    )
]
