"""The command line: help, exit codes, and one clear message for each bad input."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from slimfix import __version__

GOOD = "tests/golden/digits/good"
MICRO = "tests/golden/micro/rank4_scale"


@pytest.mark.parametrize("flag", ["--help", "-h", "help"])
def test_help_lists_the_commands(slimfix, flag):
    code, out, err = slimfix(flag)
    assert (code, err) == (0, "")
    assert re.search(r"^  migrate +Turn a TensorFlow 1 checkpoint", out, re.MULTILINE)


def test_no_command_is_a_usage_error(slimfix):
    assert slimfix()[0] == 2


def test_an_unknown_command_is_named(slimfix):
    code, _, err = slimfix("migrat")
    assert code == 2
    assert err.startswith("slimfix: no command 'migrat'\n")


def test_version(slimfix):
    import slimfix as package

    assert slimfix("--version") == (0, f"slimfix {package.__version__}\n", "")


def test_help_of_migrate_names_every_flag(slimfix):
    code, out, err = slimfix("migrate", "--help")
    assert (code, err) == (0, "")
    flags = re.findall(r"^  --(\w+)$", out, re.MULTILINE)
    assert flags == sorted(flags)
    assert {"checkpoint", "frozen_graph", "saved_model", "network", "values"} < set(flags)


def test_migrate_prints_the_report(slimfix, tmp_path):
    output = str(tmp_path / "out")
    code, out, err = slimfix(
        "migrate",
        f"--checkpoint={GOOD}/model.ckpt",
        f"--recording={GOOD}/recording.npz",
        f"--output_dir={output}",
    )
    assert (code, err) == (0, "")
    assert "33 in the checkpoint = 19 migrated + 14 left out + 0 lost" in out
    assert "19 of 19 weights bit-equal" in out
    assert "Verdict: EQUIVALENT" in out
    for name in ("model.keras", "parity.json", "parity.html"):
        assert f"{output}/{name}" in out.replace("\n", "")
        assert os.path.getsize(f"{output}/{name}") > 1000


def test_a_failed_proof_shows_the_whole_report(slimfix, tmp_path, monkeypatch):
    """Sabotage: the weights never reach the model."""
    monkeypatch.setattr("slimfix.migration.conversion.load_weights", lambda *arguments: None)
    code, out, err = slimfix(
        "migrate", f"--checkpoint={MICRO}/model.ckpt", f"--output_dir={tmp_path / 'out'}"
    )
    assert (code, out) == (1, "")
    assert "Verdict: DIFFERENT" in err
    assert "0 of 5 weights bit-equal to the checkpoint" in err
    assert "slimfix migrate: The migrated model is not the original network" in err
    assert os.listdir(tmp_path) == []


def damaged(folder, name, size):
    """A copy of the good checkpoint with one file cut short."""
    shutil.copytree(GOOD, folder)
    os.chmod(folder, 0o755)
    path = os.path.join(folder, name)
    with open(path, "rb") as file:
        content = file.read(size)
    os.remove(path)
    with open(path, "wb") as file:
        file.write(content)
    return f"--checkpoint={folder}/model.ckpt"


BAD_INPUTS = {
    "nothing": ([], 2, "Nothing given to read a network from"),
    "no checkpoint": (["--checkpoint=none/model.ckpt"], 2, "No checkpoint at prefix"),
    "folder": ([f"--checkpoint={GOOD}"], 2, "is a folder, not a checkpoint prefix"),
    "data file": (
        [f"--checkpoint={GOOD}/model.ckpt.data-00000-of-00001"],
        2,
        "names one file of a checkpoint, not its prefix",
    ),
    "no meta": (
        [f"--checkpoint={GOOD}/model.ckpt", "--meta=none.meta"],
        2,
        "No graph file at 'none.meta'",
    ),
    "meta of another kind": (
        [f"--checkpoint={GOOD}/model.ckpt", f"--meta={GOOD}/model.ckpt.index"],
        2,
        "is not a MetaGraphDef",
    ),
    "meta of another model": (
        [f"--checkpoint={GOOD}/model.ckpt", f"--meta={MICRO}/model.ckpt.meta"],
        1,
        "the .meta belongs to another model",
    ),
    "unknown tensor": (
        [f"--checkpoint={GOOD}/model.ckpt", "--outputs=digits/logits/BiasAd:0"],
        2,
        "'digits/logits/BiasAdd:0' (BiasAdd)",
    ),
    "unknown output index": (
        [f"--checkpoint={GOOD}/model.ckpt", "--outputs=digits/logits/BiasAdd:7"],
        2,
        "The graph has no tensor 'digits/logits/BiasAdd:7'",
    ),
    "loss as output": (
        [f"--checkpoint={GOOD}/model.ckpt", "--outputs=total_loss:0"],
        2,
        "  'labels' (Placeholder)\n",
    ),
    "trainable only": (
        ["--checkpoint=tests/golden/digits/trainable_only/model.ckpt"],
        1,
        "Saver(tf.trainable_variables())",
    ),
    "no updates": (
        ["--checkpoint=tests/golden/digits/no_updates/model.ckpt"],
        1,
        "the train op does not depend on UPDATE_OPS",
    ),
    "recording of another net": (
        [f"--checkpoint={GOOD}/model.ckpt", f"--recording={MICRO}/recording.npz"],
        2,
        "input 'images:0': not in it; it has x:0",
    ),
    "no recording": (
        [f"--checkpoint={GOOD}/model.ckpt", "--recording=none.npz"],
        2,
        "No recording at 'none.npz'",
    ),
    "unknown flag": (
        [f"--checkpoint={GOOD}/model.ckpt", "--chekpoint=x"],
        2,
        "Did you mean: checkpoint",
    ),
    "stray word": ([f"--checkpoint={GOOD}/model.ckpt", "now"], 2, "takes flags only; got 'now'"),
}


@pytest.mark.parametrize("case", BAD_INPUTS)
def test_bad_input_ends_in_one_message(slimfix, tmp_path, case):
    arguments, expected_code, expected_text = BAD_INPUTS[case]
    code, out, err = slimfix("migrate", *arguments, f"--output_dir={tmp_path / 'out'}")
    assert (code, out) == (expected_code, "")
    assert expected_text in err
    assert err.startswith("slimfix migrate: ")
    assert "Traceback" not in err
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("model.ckpt.index", 300),
        ("model.ckpt.data-00000-of-00001", 20000),
        ("model.ckpt.meta", 0),
    ],
)
def test_a_truncated_file_ends_in_one_message(slimfix, tmp_path, name, size):
    checkpoint = damaged(str(tmp_path / "copy"), name, size)
    code, out, err = slimfix("migrate", checkpoint, f"--output_dir={tmp_path / 'out'}")
    assert (code, out) == (2, "")
    assert "was cut short" in err
    assert os.listdir(tmp_path) == ["copy"]


def test_a_truncated_meta_never_passes(slimfix, tmp_path):
    """A .meta cut at any place is refused, one way or another."""
    size = os.path.getsize(f"{GOOD}/model.ckpt.meta")
    for part, share in enumerate((0.1, 0.5, 0.9, 0.999)):
        checkpoint = damaged(str(tmp_path / f"copy{part}"), "model.ckpt.meta", int(size * share))
        code, out, err = slimfix("migrate", checkpoint, f"--output_dir={tmp_path / 'out'}")
        assert code in (1, 2), share
        assert out == ""
        assert err.startswith("slimfix migrate: ")
    assert not (tmp_path / "out").exists()


def test_an_existing_output_folder_is_kept(slimfix, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    code, out, err = slimfix(
        "migrate", f"--checkpoint={GOOD}/model.ckpt", f"--output_dir={tmp_path}"
    )
    assert (code, out) == (2, "")
    assert f"Output folder '{tmp_path}' exists" in err
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_ctrl_c_ends_in_one_line_and_leaves_nothing(slimfix, tmp_path, monkeypatch):
    def interrupt(path, text):
        raise KeyboardInterrupt

    monkeypatch.setattr("slimfix.migrating.write_text", interrupt)
    code, out, err = slimfix(
        "migrate", f"--checkpoint={MICRO}/model.ckpt", f"--output_dir={tmp_path / 'deep' / 'out'}"
    )
    assert (code, out, err) == (130, "", "slimfix migrate: interrupted\n")
    assert os.listdir(tmp_path) == []


BAD_TARGETS = {
    "migrate": [f"--checkpoint={GOOD}/model.ckpt", "--output_dir=t"],
    "record": [f"--checkpoint={GOOD}/model.ckpt", "--output=t", "--overwrite"],
    "verify": ["--model=none.keras", "--output_dir=t"],
    "recalibrate": [f"--checkpoint={GOOD}/model.ckpt", "--data=none.npz", "--output=t"],
}


@pytest.mark.parametrize("verb", sorted(BAD_TARGETS))
def test_a_bad_target_is_told_before_tensorflow_is_imported(tmp_path, verb):
    os.mkfifo(tmp_path / "t")
    program = (
        "import sys\n"
        "from slimfix.commands.main import main\n"
        "code = main(sys.argv[1:])\n"
        "assert 'tensorflow' not in sys.modules\n"
        "sys.exit(code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, verb, *BAD_TARGETS[verb]],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"slimfix {verb}: ")
    assert "'t'" in done.stderr
    assert "Traceback" not in done.stderr
    assert os.listdir(tmp_path) == ["t"]


def test_a_failed_write_ends_in_one_message(slimfix, tmp_path, monkeypatch):
    """The disk is full when the report is written: nothing is left."""

    def full(path, text):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("slimfix.migrating.write_text", full)
    code, out, err = slimfix(
        "migrate", f"--checkpoint={MICRO}/model.ckpt", f"--output_dir={tmp_path / 'out'}"
    )
    assert (code, out) == (1, "")
    assert err == (
        f"slimfix migrate: Cannot write '{tmp_path / 'out'}':\n"
        "  No space left on device\n"
        "Fix: make room there (the disk, a quota, ulimit -f), or name another place.\n"
    )
    assert os.listdir(tmp_path) == []


def shell(command):
    done = subprocess.run(
        ["sh", "-c", command.replace("python", sys.executable)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )
    return done.returncode, done.stdout, done.stderr


def test_the_package_runs():
    assert shell("python -m slimfix --version")[:2] == (0, f"slimfix {__version__}\n")


@pytest.mark.parametrize("arguments", ["--help", "--version", "record --help"])
def test_output_that_nobody_can_take_is_one_line(arguments):
    code, _, error = shell(f"python -m slimfix {arguments} >/dev/full")
    assert code == 1
    assert re.fullmatch(r"slimfix.*No space left on device\n", error)


def test_closed_streams_are_no_place_for_files():
    """Whatever is opened next would get their numbers, and what is printed would be in it."""
    program = (
        "import sys; from slimfix.commands import main; main._open_standard_streams(); "
        "print('said'); print('said', file=sys.stderr); "
        "sys.exit(open('/dev/null').fileno())"
    )
    code, out, error = shell(f'python -c "{program}" <&- >&- 2>&-')
    assert (code >= 3, out, error) == (True, "", "")
    assert shell("python -m slimfix --help >&-")[0] == 0
